package uaa

import (
	"errors"
	"log/slog"
	"net/http"
)

const maxBody = 1 << 20

const (
	originUAA = "uaa"
	zoneUAA   = "uaa"
)

// endpoint answers a request, or returns an error: a *problem is sent as it is,
// any other becomes a server_error.
type endpoint func(w http.ResponseWriter, r *http.Request) error

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, e endpoint) { mux.Handle(pattern, s.serve(e)) }

	handle("POST /oauth/token", s.token)
	handle("GET /oauth/token", s.tokenByGet)
	handle("GET /oauth/authorize", s.authorize)
	handle("POST /oauth/authorize", s.approve)
	handle("GET /token_keys", s.tokenKeys)
	handle("GET /token_key", s.tokenKey)
	handle("GET /.well-known/openid-configuration", s.discovery)
	handle("GET /oauth/token/.well-known/openid-configuration", s.discovery)
	handle("POST /check_token", s.checkToken)
	handle("POST /introspect", s.introspect)
	handle("GET /userinfo", s.userInfo)
	handle("POST /userinfo", s.userInfo)
	handle("GET /info", s.info)
	handle("GET /login", s.login)
	handle("POST /login.do", s.loginDo)
	handle("GET /logout.do", s.logout)
	handle("GET /passcode", s.passcode)
	handle("GET /healthz", s.healthz)

	handle("GET /oauth/token/revoke/user/{user}", s.revokeUser)
	handle("GET /oauth/token/revoke/client/{client}", s.revokeClient)
	handle("GET /oauth/token/revoke/user/{user}/client/{client}", s.revokeUserClient)
	handle("DELETE /oauth/token/revoke/{token}", s.revokeToken)
	handle("GET /oauth/token/list", s.listOwnTokens)
	handle("GET /oauth/token/list/user/{user}", s.listUserTokens)
	handle("GET /oauth/token/list/client/{client}", s.listClientTokens)

	handle("GET /Users", s.guard(s.listUsers, "scim.read"))
	handle("POST /Users", s.guard(s.createUser, "scim.create", "scim.write"))
	handle("GET /Users/{id}", s.guardSelf(s.getUser, "scim.read"))
	handle("PUT /Users/{id}", s.guard(s.replaceUser, "scim.write"))
	handle("PATCH /Users/{id}", s.guard(s.patchUser, "scim.write"))
	handle("DELETE /Users/{id}", s.guard(s.deleteUser, "scim.write"))
	handle("PATCH /Users/{id}/status", s.guard(s.patchUserStatus, "scim.write", "uaa.account_status.write"))
	handle("PUT /Users/{id}/password", s.guard(s.changePassword, "password.write"))
	handle("GET /ids/Users", s.guard(s.listUserIDs, "scim.userids"))

	handle("GET /Groups", s.guard(s.listGroups, "scim.read"))
	handle("POST /Groups", s.guard(s.createGroup, "scim.write"))
	handle("GET /Groups/External", s.guard(s.listMappings, "scim.read"))
	handle("POST /Groups/External", s.guard(s.createMapping, "scim.write"))
	handle("DELETE /Groups/External/groupId/{group}/externalGroup/{external}/origin/{origin}", s.guard(s.deleteMappingByID, "scim.write"))
	handle("DELETE /Groups/External/displayName/{name}/externalGroup/{external}/origin/{origin}", s.guard(s.deleteMappingByName, "scim.write"))
	handle("GET /Groups/{id}", s.guard(s.getGroup, "scim.read"))
	handle("PUT /Groups/{id}", s.guard(s.replaceGroup, "scim.write", "groups.update"))
	handle("PATCH /Groups/{id}", s.guard(s.patchGroup, "scim.write", "groups.update"))
	handle("DELETE /Groups/{id}", s.guard(s.deleteGroup, "scim.write"))
	handle("GET /Groups/{id}/members", s.guard(s.listMembers, "scim.read"))
	handle("POST /Groups/{id}/members", s.guard(s.addMember, "scim.write"))
	handle("GET /Groups/{id}/members/{member}", s.guard(s.getMember, "scim.read"))
	handle("DELETE /Groups/{id}/members/{member}", s.guard(s.removeMember, "scim.write"))

	handle("GET /oauth/clients", s.guard(s.listClients, "clients.read", "clients.admin"))
	handle("POST /oauth/clients", s.guard(s.createClient, "clients.write", "clients.admin"))
	handle("GET /oauth/clients/{id}", s.guard(s.getClient, "clients.read", "clients.admin"))
	handle("PUT /oauth/clients/{id}", s.guard(s.replaceClient, "clients.write", "clients.admin"))
	handle("DELETE /oauth/clients/{id}", s.guard(s.deleteClient, "clients.write", "clients.admin"))
	handle("PUT /oauth/clients/{id}/secret", s.guard(s.changeSecret, "clients.secret", "clients.admin", "uaa.admin"))

	handle("/", func(http.ResponseWriter, *http.Request) error {
		return oauthProblem(http.StatusNotFound, "not_found", "There is nothing at this path")
	})
	return onlyDefaultZone(methodErrors(mux))
}

func (s *Server) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Frame-Options", "DENY")
		err := e(w, r)
		if err == nil {
			return
		}
		answer, ok := errors.AsType[*problem](err)
		if !ok {
			s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
			answer = oauthProblem(http.StatusInternalServerError, "server_error", "An internal error occurred")
		} else {
			s.log.Log(r.Context(), slog.LevelInfo, "request refused", "method", r.Method, "path", r.URL.Path,
				"status", answer.status, "code", answer.code)
		}
		if err := answer.write(w); err != nil {
			s.log.Error("answer failed", "path", r.URL.Path, "error", err)
		}
	})
}

// methodErrors gives the answer to a known path and an unknown method the form
// of UAA's.
func methodErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "/" {
			mux.ServeHTTP(w, r)
			return
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			probe := r.Clone(r.Context())
			probe.Method = method
			if _, pattern := mux.Handler(probe); pattern != "/" {
				_ = methodNotAllowed(r.Method).write(w)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

func methodNotAllowed(method string) *problem {
	return oauthProblem(http.StatusMethodNotAllowed, "method_not_allowed", "Request method '%s' not supported", method)
}

// onlyDefaultZone refuses management of zones that do not exist here
// (reference/uaa.md §1).
func onlyDefaultZone(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, name := r.Header.Get("X-Identity-Zone-Id"), r.Header.Get("X-Identity-Zone-Subdomain")
		if (id != "" && id != zoneUAA) || name != "" {
			_ = oauthProblem(http.StatusNotFound, "not_found", "The identity zone does not exist").write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
