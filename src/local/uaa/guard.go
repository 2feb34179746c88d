package uaa

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

type callerKey struct{}

// caller is who makes a management call.
func caller(r *http.Request) tokenClaims {
	claims, _ := r.Context().Value(callerKey{}).(tokenClaims)
	return claims
}

// bearer authenticates the caller by the access token of the request.
func (s *Server) bearer(r *http.Request) (tokenClaims, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return tokenClaims{}, noToken()
	}
	scheme, raw, ok := strings.Cut(headers[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return tokenClaims{}, noToken()
	}
	_, claims, err := s.examine(strings.TrimSpace(raw))
	return claims, err
}

// guard lets callers in whose token has one of the scopes.
func (s *Server) guard(next endpoint, scopes ...string) endpoint {
	return s.guardIf(next, func(r *http.Request, c tokenClaims) bool { return hasAny(c, scopes...) }, scopes)
}

// guardSelf also lets users in who ask about themselves.
func (s *Server) guardSelf(next endpoint, scopes ...string) endpoint {
	return s.guardIf(next, func(r *http.Request, c tokenClaims) bool {
		return hasAny(c, scopes...) || (c.UserID != "" && c.UserID == r.PathValue("id"))
	}, scopes)
}

func (s *Server) guardIf(next endpoint, allowed func(*http.Request, tokenClaims) bool, scopes []string) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		claims, err := s.bearer(r)
		if err != nil {
			return err
		}
		if !allowed(r, claims) {
			return insufficient(strings.Join(scopes, " "))
		}
		return next(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, claims)))
	}
}

func hasAny(c tokenClaims, scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(scope string) bool { return slices.Contains(c.Scope, scope) })
}
