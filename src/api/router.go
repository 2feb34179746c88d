package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/pks-community/pks-release/src/pks"
)

// router serves the table of routes.
func (s *Server) router() *mux.Router {
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	router.NotFoundHandler = http.HandlerFunc(s.routeNotFound)
	router.MethodNotAllowedHandler = http.HandlerFunc(s.methodNotAllowed)
	for _, route := range s.routes() {
		router.Handle(route.path, s.serve(route)).Methods(route.methods()...)
	}
	return router
}

func (s *Server) routeNotFound(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, pks.Failf(pks.CodeRouteNotFound, "There is nothing at %s.", pks.Shorten(r.URL.Path)))
}

func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := s.allowedMethods(r)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	s.fail(w, r, pks.Failf(pks.CodeMethodNotAllowed, "%s does not work on %s.", pks.Shorten(r.Method), pks.Shorten(r.URL.Path)).
		WithRemedy("Use %s.", strings.Join(allowed, ", ")))
}

// allowedMethods asks the router, so that the answer cannot differ from what is
// served.
func (s *Server) allowedMethods(r *http.Request) []string {
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		probe := &http.Request{Method: method, URL: r.URL, Header: http.Header{}}
		var match mux.RouteMatch
		if s.mux.Match(probe, &match) && match.MatchErr == nil {
			allowed = append(allowed, method)
		}
	}
	slices.Sort(allowed)
	return allowed
}

// pathValue is the decoded value of a variable of the route's path: cluster
// names arrive percent-encoded (reference/pks-api.md §17).
func pathValue(r *http.Request, name string) string {
	raw := mux.Vars(r)[name]
	value, err := url.PathUnescape(raw)
	if err != nil {
		return raw
	}
	return value
}

// straighten takes doubled and trailing slashes out of the path, which many
// clients send (reference/pks-api.md §17). A redirect would turn their POST into
// a GET.
func straighten(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		straight := straightPath(path)
		if straight == path {
			next.ServeHTTP(w, r)
			return
		}
		decoded, err := url.PathUnescape(straight)
		if err != nil {
			decoded = straight
		}
		copied := *r
		location := *r.URL
		location.Path, location.RawPath = decoded, straight
		copied.URL = &location
		next.ServeHTTP(w, &copied)
	})
}

func straightPath(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}
