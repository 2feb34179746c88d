package director

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/director/fault"
)

// maxBody is the largest request body that is read, except for archives.
const maxBody = 16 << 20

// Media types that routes insist on (reference/director-api.md §2.2).
const (
	mediaYAML    = "text/yaml"
	mediaJSON    = "application/json"
	mediaArchive = "application/x-compressed"
)

// route is one entry of the Director's interface.
type route struct {
	method, path string
	// media is the media type the request must have; empty: any.
	media string
	// allow checks what needs no look at the object; nil: the handler checks.
	allow  func(c *call) error
	handle func(c *call) error
}

// mounts are the first path segments that the Director answers for; all others are unknown to its
// web server.
func mounts() []string {
	return []string{
		"backups", "cleanup", "cloud_configs", "configs", "cpi_configs", "deployed_variables", "deployment_configs", "deployments",
		"director", "disks", "dynamic_disks", "events", "info", "jobs", "link_address", "link_consumers", "link_providers", "links",
		"locks", "networks", "orphan_disks", "orphaned_vms", "packages", "releases", "resources", "resurrection", "restore",
		"runtime_configs", "stemcell_uploads", "stemcells", "task", "tasks", "users", "vms",
	}
}

// server answers requests.
type server struct {
	d      *Director
	router *mux.Router
	mounts []string
}

func newHandler(d *Director) http.Handler {
	s := &server{d: d, router: mux.NewRouter().UseEncodedPath().SkipClean(true), mounts: mounts()}
	for _, r := range slices.Concat(
		taskRoutes(), deploymentRoutes(), instanceRoutes(), configRoutes(), releaseRoutes(), linkRoutes(), problemRoutes(), otherRoutes(),
	) {
		m := s.router.NewRoute().Methods(r.method).Path(r.path)
		if r.media != "" {
			m = m.MatcherFunc(mediaIs(r.media))
		}
		m.HandlerFunc(s.serve(r))
	}
	unknown := s.serve(route{handle: func(c *call) error { return errNoRoute }})
	s.router.NotFoundHandler = unknown
	s.router.MethodNotAllowedHandler = unknown
	return s
}

// mediaIs matches requests of exactly one media type, whatever its parameters.
func mediaIs(want string) mux.MatcherFunc {
	return func(r *http.Request, _ *mux.RouteMatch) bool {
		media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		return err == nil && media == want
	}
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	path := r.URL.EscapedPath()
	mount, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !slices.Contains(s.mounts, mount) {
		w.Header().Set("X-Cascade", "pass")
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("Not Found: " + path))
		flush(w)
		return
	}
	inner := r
	if len(path) > 1 && strings.HasSuffix(path, "/") || r.Method == http.MethodHead {
		inner = r.Clone(r.Context())
		inner.URL.Path = strings.TrimSuffix(inner.URL.Path, "/")
		inner.URL.RawPath = strings.TrimSuffix(inner.URL.RawPath, "/")
		if r.Method == http.MethodHead {
			inner.Method = http.MethodGet
		}
	}
	s.router.ServeHTTP(w, inner)
}

// errNoRoute is answered with the text for an unknown route.
var errNoRoute = errors.New("no such route")

// contextIDLimit is the greatest length of X-Bosh-Context-Id.
const contextIDLimit = 64

// serve wraps a route's handler: who is it, may they, and what became of it.
func (s *server) serve(r route) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		c := &call{d: s.d, w: w, r: request, query: request.URL.Query()}
		open := request.URL.Path == "/info"
		if !open {
			w.Header().Set("WWW-Authenticate", `Basic realm="BOSH Director"`)
		}
		who, err := s.d.config.Auth.Authenticate(request)
		switch {
		case err == nil:
			c.who = &who
		case !open:
			c.text(http.StatusUnauthorized, "Not authorized: '"+request.URL.Path+"'\n")
			return
		}
		if len(request.Header.Get("X-Bosh-Context-Id")) > contextIDLimit {
			c.fail(fault.New(fault.InvalidContextID, "X-Bosh-Context-Id cannot be more than %d characters in length", contextIDLimit))
			return
		}
		if r.media != mediaArchive {
			request.Body = http.MaxBytesReader(w, request.Body, maxBody)
		}
		if c.vars, err = unescape(mux.Vars(request)); err != nil {
			c.fail(errNoRoute)
			return
		}
		if r.allow != nil {
			if err := r.allow(c); err != nil {
				c.fail(err)
				return
			}
		}
		if err := r.handle(c); err != nil {
			c.fail(err)
		}
	}
}

func unescape(vars map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(vars))
	for key, value := range vars {
		text, err := url.PathUnescape(value)
		if err != nil {
			return nil, err
		}
		out[key] = text
	}
	return out, nil
}

// call is one request while it is answered.
type call struct {
	d     *Director
	w     http.ResponseWriter
	r     *http.Request
	vars  map[string]string
	query url.Values
	// who is nil only for GET /info.
	who *auth.Identity
}

// is tells whether a query parameter says true; nothing but that word does.
func (c *call) is(parameter string) bool { return c.query.Get(parameter) == "true" }
