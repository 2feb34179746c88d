package uaa

import (
	"errors"
	"net/http"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// ErrNoToken is the cause of a failure when a request carries no credentials at
// all, as opposed to bad ones.
var ErrNoToken = errors.New("no Authorization header")

// BearerToken returns the token of the request's one Authorization header. The
// scheme is compared without case; the query is never looked at (RFC 6750 §2.3
// is not offered). The error is a *pks.Failure with CodeUnauthenticated; its
// cause is ErrNoToken when the header is absent.
func BearerToken(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	switch len(headers) {
	case 0:
		return "", pks.Failf(pks.CodeUnauthenticated, "Full authentication is required to access this resource.").WithCause(ErrNoToken)
	case 1:
	default:
		return "", refuse("request has %d Authorization headers", len(headers))
	}
	scheme, token, found := strings.Cut(headers[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", refuse("Authorization header is not of the scheme Bearer")
	}
	token = strings.Trim(token, " ")
	if token == "" {
		return "", refuse("Authorization header has no token")
	}
	if strings.ContainsAny(token, " \t,") {
		return "", refuse("Authorization header has more than one token")
	}
	return token, nil
}
