package credhub

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"github.com/pks-community/pks-release/src/local/director/auth"
)

// maxBody is the largest request body that is read.
const maxBody = 1 << 20

const (
	scopeRead  = "credhub.read"
	scopeWrite = "credhub.write"
)

// notFoundText is what CredHub says of everything that is absent or forbidden.
const notFoundText = "The request could not be completed because the credential does not exist or you do not have sufficient authorization."

type server struct {
	store  *Store
	auth   auth.Authenticator
	logger *slog.Logger
}

// Handler returns the REST interface of the store: /info, /health and /api/v1/data.
func Handler(store *Store, authenticator auth.Authenticator, logger *slog.Logger) http.Handler {
	s := &server{store: store, auth: authenticator, logger: logger}
	router := mux.NewRouter()
	router.HandleFunc("/info", s.info).Methods(http.MethodGet)
	router.HandleFunc("/health", s.health).Methods(http.MethodGet)
	data := router.PathPrefix("/api/v1/data").Subrouter()
	data.HandleFunc("", s.guard(scopeRead, s.byID)).Methods(http.MethodGet).Queries("id", "{id}")
	data.HandleFunc("", s.guard(scopeRead, s.byName)).Methods(http.MethodGet).Queries("name", "{name}")
	data.HandleFunc("", s.guard(scopeRead, s.find)).Methods(http.MethodGet)
	data.HandleFunc("/{id}", s.guard(scopeRead, s.byID)).Methods(http.MethodGet)
	data.HandleFunc("", s.guard(scopeWrite, s.set)).Methods(http.MethodPut)
	data.HandleFunc("", s.guard(scopeWrite, s.generate)).Methods(http.MethodPost)
	data.HandleFunc("", s.guard(scopeWrite, s.remove)).Methods(http.MethodDelete)
	return router
}

func (s *server) info(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, http.StatusOK, map[string]any{
		"auth-server": map[string]string{"url": s.auth.UAAURL()},
		"app":         map[string]string{"name": "CredHub"},
	})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, http.StatusOK, map[string]string{"status": "UP"})
}

// guard lets through only identities with the scope.
func (s *server) guard(scope string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		identity, err := s.auth.Authenticate(r)
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="credhub"`)
			s.answer(w, http.StatusUnauthorized, map[string]string{
				"error":             "unauthorized",
				"error_description": "Full authentication is required to access this resource",
			})
			return
		}
		if !slices.Contains(identity.Scopes, scope) {
			s.answer(w, http.StatusForbidden, map[string]string{
				"error":             "insufficient_scope",
				"error_description": "Insufficient scope for this resource",
			})
			return
		}
		next(w, r)
	}
}

// document is a credential on the wire.
type document struct {
	Type      string         `json:"type"`
	CreatedAt string         `json:"version_created_at"`
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Metadata  map[string]any `json:"metadata"`
	Value     any            `json:"value"`
}

func newDocument(c Credential) document {
	return document{Type: c.Type, CreatedAt: c.CreatedAt.UTC().Format(time.RFC3339), ID: c.ID, Name: c.Name, Value: c.Value}
}

func (s *server) byID(w http.ResponseWriter, r *http.Request) {
	c, err := s.store.ByID(r.Context(), mux.Vars(r)["id"])
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, http.StatusOK, newDocument(c))
}

func (s *server) byName(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit := 0
	if text := query.Get("versions"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			s.answer(w, http.StatusBadRequest, problem("The query parameter versions must be a whole number."))
			return
		}
		limit = n
	}
	if query.Get("current") == "true" {
		if query.Has("versions") {
			s.answer(w, http.StatusBadRequest, problem("The query parameters current and versions cannot be provided in the same request."))
			return
		}
		limit = 1
	}
	versions, err := s.store.Versions(r.Context(), query.Get("name"), limit)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	documents := make([]document, len(versions))
	for i, c := range versions {
		documents[i] = newDocument(c)
	}
	s.answer(w, http.StatusOK, map[string]any{"data": documents})
}

func (s *server) find(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !query.Has("path") && !query.Has("name-like") {
		s.answer(w, http.StatusBadRequest, problem("The query parameter name is required for this request."))
		return
	}
	found, err := s.store.Find(r.Context(), query.Get("path"), query.Get("name-like"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	type entry struct {
		CreatedAt string `json:"version_created_at"`
		Name      string `json:"name"`
	}
	entries := make([]entry, len(found))
	for i, c := range found {
		entries[i] = entry{CreatedAt: c.CreatedAt.UTC().Format(time.RFC3339), Name: c.Name}
	}
	s.answer(w, http.StatusOK, map[string]any{"credentials": entries})
}

// change is the body of PUT and POST.
type change struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Value      any            `json:"value"`
	Parameters map[string]any `json:"parameters"`
	Mode       Mode           `json:"mode"`
	Overwrite  bool           `json:"overwrite"`
}

func (s *server) body(w http.ResponseWriter, r *http.Request) (change, bool) {
	var c change
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&c); err != nil {
		s.answer(w, http.StatusBadRequest, problem("The request could not be fulfilled because the request path or body did not meet expectation. Please check the documentation for required formatting and retry your request."))
		return change{}, false
	}
	if c.Name == "" {
		s.answer(w, http.StatusBadRequest, problem("A credential name must be provided. Please validate your input and retry your request."))
		return change{}, false
	}
	return c, true
}

func (s *server) set(w http.ResponseWriter, r *http.Request) {
	c, ok := s.body(w, r)
	if !ok {
		return
	}
	if err := c.checkValue(); err != nil {
		s.fail(w, r, err)
		return
	}
	stored, err := s.store.Set(r.Context(), c.Name, c.Type, c.Value)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, http.StatusOK, newDocument(stored))
}

func (c change) checkValue() error {
	_, isText := c.Value.(string)
	_, isMap := c.Value.(map[string]any)
	switch c.Type {
	case TypePassword, TypeValue:
		if !isText {
			return badRequest("a credential of type %s must have a text as value", c.Type)
		}
	case TypeUser, TypeRSA, TypeSSH, TypeCertificate, TypeJSON:
		if !isMap {
			return badRequest("a credential of type %s must have an object as value", c.Type)
		}
	default:
		return badRequest("the request does not include a valid type. Valid values include 'value', 'json', 'password', 'user', 'certificate', 'ssh' and 'rsa'")
	}
	return nil
}

func (s *server) generate(w http.ResponseWriter, r *http.Request) {
	c, ok := s.body(w, r)
	if !ok {
		return
	}
	if c.Mode == "" && c.Overwrite {
		c.Mode = Overwrite
	}
	stored, _, err := s.store.Generate(r.Context(), Request{Name: c.Name, Type: c.Type, Parameters: c.Parameters, Mode: c.Mode})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, http.StatusOK, newDocument(stored))
}

func (s *server) remove(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if name == "" {
		s.answer(w, http.StatusBadRequest, problem("The query parameter name is required for this request."))
		return
	}
	if err := s.store.Delete(r.Context(), name); err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		s.answer(w, http.StatusNotFound, problem(notFoundText))
	case errors.Is(err, ErrBadRequest):
		s.answer(w, http.StatusBadRequest, problem(err.Error()))
	default:
		s.logger.ErrorContext(r.Context(), "credential request failed", "path", r.URL.Path, "error", err)
		s.answer(w, http.StatusInternalServerError, problem("An application error occurred. Please contact your administrator for assistance."))
	}
}

func problem(text string) map[string]string { return map[string]string{"error": text} }

func (s *server) answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer is not JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
