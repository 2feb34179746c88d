package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// Brokers of the on-demand family ask for the list of service instances with basic
// authentication and have no other way (reference/on-demand-broker.md §2). The
// routes that are made for them take one configured login beside tokens.

// errWrongLogin is the cause of a 401 for a login that is not the configured one.
var errWrongLogin = errors.New("user name or password is wrong")

// takesLogins tells whether the route is open to a login at all.
func (s *Server) takesLogins(route route) bool {
	return route.rights.brokers && s.config.InstancesLogin.Set()
}

// basicLogin is the login in the request's one Authorization header; not given
// when that is of another scheme, or one of several.
func basicLogin(r *http.Request) (username, password string, given bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return "", "", false
	}
	scheme, _, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	username, password, _ = r.BasicAuth() // what cannot be decoded is wrong like any other
	return username, password, true
}

func (s *Server) authoriseBroker(x *exchange, username, password string) error {
	if !s.config.InstancesLogin.Match(username, password) {
		return pks.Failf(pks.CodeUnauthenticated, "The user name or the password is wrong.").
			WithRemedy("Use those of service_instances in the configuration of pks-api, or an access token.").
			WithCause(errWrongLogin)
	}
	x.caller = pks.Principal{Kind: pks.PrincipalClient, Name: username}
	x.extent = all
	return nil
}

// offerLogin adds to a 401 that a login would do.
func (s *Server) offerLogin(w http.ResponseWriter, route route, err error) {
	if s.takesLogins(route) && pks.AsFailure(err).Code == pks.CodeUnauthenticated {
		w.Header().Add("WWW-Authenticate", `Basic realm="pks-api", charset="UTF-8"`)
	}
}
