package broker

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
)

// An id becomes part of a deployment's name, of paths and of context ids. GUIDs
// are what platforms send; this is wide enough for whatever else names a thing.
var plainID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// checkedIDs refuses instance and binding ids that could mean something else where
// they are used.
func checkedIDs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := badID(r.URL.EscapedPath()); ok {
			respond(w, http.StatusBadRequest, apiresponses.ErrorResponse{
				Description: "the " + name + " id must begin with a letter or digit and have at most 128 letters, digits, dots, dashes and underscores",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// badID names the id in an escaped path that is not plain, if there is one.
func badID(path string) (name string, bad bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, collection := range parts[:len(parts)-1] {
		switch {
		case i == 1 && collection == "service_instances":
			name = "instance"
		case i == 3 && collection == "service_bindings":
			name = "binding"
		default:
			continue
		}
		if id, err := url.PathUnescape(parts[i+1]); err != nil || !plainID.MatchString(id) {
			return name, true
		}
	}
	return "", false
}
