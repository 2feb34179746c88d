package kubeapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// maxBody bounds a request, in bytes; a real server has the same.
const maxBody = 3 << 20

// request is one call, taken apart.
type request struct {
	*http.Request
	user        user
	kind        kind
	namespace   string
	name        string
	subresource string
}

// ServeHTTP is the API server.
func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	u, err := c.authenticate(r)
	if err != nil {
		respondError(w, apierrors.NewUnauthorized("Unauthorized"))
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2 && parts[1] == "v1":
		c.serveResource(w, request{Request: r, user: u}, coreV1, parts[2:])
	case parts[0] == "apis" && len(parts) > 3:
		c.serveResource(w, request{Request: r, user: u}, schema.GroupVersion{Group: parts[1], Version: parts[2]}, parts[3:])
	default:
		c.serveNonResource(w, r, u)
	}
}

// serveNonResource is health, version and discovery.
func (c *cluster) serveNonResource(w http.ResponseWriter, r *http.Request, u user) {
	a := attributes{verb: strings.ToLower(r.Method), nonResource: strings.TrimSuffix(r.URL.Path, "/")}
	if a.nonResource == "" {
		a.nonResource = "/"
	}
	if !c.allowed(u, a) {
		respondError(w, forbidden(a, u))
		return
	}
	if r.Method != http.MethodGet {
		respondError(w, apierrors.NewMethodNotSupported(schema.GroupResource{}, strings.ToLower(r.Method)))
		return
	}
	switch a.nonResource {
	case "/healthz", "/livez", "/readyz":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok"))
		return
	}
	answer, ok := c.discovery(a.nonResource)
	if !ok {
		respondError(w, apierrors.NewNotFound(schema.GroupResource{}, ""))
		return
	}
	respond(w, http.StatusOK, answer)
}

// serveResource routes /GROUP/VERSION/[namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]].
func (c *cluster) serveResource(w http.ResponseWriter, r request, gv schema.GroupVersion, parts []string) {
	if parts[0] == namespaces && len(parts) > 2 {
		r.namespace, parts = parts[1], parts[2:]
	}
	if v, ok := reviewOf(gv, parts); ok && r.namespace == "" {
		c.serveReview(w, r, v)
		return
	}
	all := kinds()
	i := slices.IndexFunc(all, func(k kind) bool { return k.GroupVersion == gv && k.resource == parts[0] })
	if i < 0 || len(parts) > 3 || r.namespace != "" && !all[i].namespaced {
		respondError(w, unknownPath())
		return
	}
	r.kind = all[i]
	if len(parts) > 1 {
		r.name = parts[1]
	}
	if len(parts) > 2 {
		r.subresource = parts[2]
	}
	verb, ok := r.verb()
	a := attributes{verb: verb, group: gv.Group, resource: r.kind.resource, namespace: r.namespace, name: r.name}
	if r.subresource != "" {
		a.resource += "/" + r.subresource
	}
	if r.kind.resource == namespaces {
		a.namespace = r.name
	}
	if !c.allowed(r.user, a) {
		respondError(w, forbidden(a, r.user))
		return
	}
	if !ok {
		respondError(w, r.kind.unsupported(verb))
		return
	}
	if verb == "watch" {
		c.serveWatch(w, r)
		return
	}
	answer, status, err := c.do(verb, r)
	if err != nil {
		respondError(w, err)
		return
	}
	if table, ok := asTable(r, answer); ok {
		respond(w, status, table)
		return
	}
	respond(w, status, answer)
}

// verb is what the request does, and whether this server can do it.
func (r request) verb() (verb string, ok bool) {
	q := r.URL.Query()
	whole := true // the path fits the verb
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		switch {
		case q.Get("watch") == "true" || q.Get("watch") == "1":
			verb = "watch"
		case r.name == "":
			verb = "list"
		default:
			verb = "get"
		}
	case http.MethodPost:
		if r.kind.resource == serviceAccounts && r.subresource == "token" {
			return "create", true
		}
		verb, whole = "create", r.name == ""
	case http.MethodPut:
		verb, whole = "update", r.name != ""
	case http.MethodPatch:
		verb, whole = "patch", r.name != ""
	case http.MethodDelete:
		verb = "delete"
		if r.name == "" {
			verb = "deletecollection"
		}
	default:
		verb = strings.ToLower(r.Method)
	}
	return verb, whole && r.subresource == "" && slices.Contains(r.kind.verbs, verb)
}

func (c *cluster) do(verb string, r request) (answer any, status int, err error) {
	switch {
	case r.subresource == "token":
		answer, err = c.createToken(r)
		return answer, http.StatusCreated, err
	case verb == "create":
		answer, err = c.create(r)
		return answer, http.StatusCreated, err
	case verb == "list":
		answer, err = c.answerList(r)
	case verb == "get":
		answer, err = c.get(r)
	case verb == "update":
		answer, err = c.update(r)
	case verb == "patch":
		return c.patch(r)
	case verb == "deletecollection":
		answer, err = c.deleteCollection(r)
	default:
		answer, err = c.delete(r)
	}
	return answer, http.StatusOK, err
}

func respond(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	w.Header().Set("Cache-Control", "no-cache, private")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client has gone
}

// respondError answers with a Status object, as every refusal of the API does.
func respondError(w http.ResponseWriter, err error) {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		known = apierrors.NewInternalError(err)
	}
	status := known.Status()
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	respond(w, int(status.Code), status)
}

func forbidden(a attributes, u user) error {
	if a.nonResource != "" {
		e := apierrors.NewForbidden(schema.GroupResource{}, "", nil)
		e.ErrStatus.Message = "forbidden: " + a.refusal(u)
		e.ErrStatus.Details = &metav1.StatusDetails{}
		return e
	}
	return apierrors.NewForbidden(schema.GroupResource{Group: a.group, Resource: a.resource}, a.name, errors.New(a.refusal(u)))
}

// unknownPath is what a real server says to a resource it does not have.
func unknownPath() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
		Message: "the server could not find the requested resource", Details: &metav1.StatusDetails{},
	}}
}
