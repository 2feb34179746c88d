package api

import (
	"context"
	"slices"
	"time"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// authorise finds out who calls and how far their scopes reach on the route.
func (s *Server) authorise(ctx context.Context, route route, x *exchange) error {
	if route.rights.public {
		return nil
	}
	raw, bearerErr := uaa.BearerToken(x.request)
	from := address(x.request)
	if s.refusals.limited(from, time.Now()) && !s.knows(raw) {
		return tooManyRefusals()
	}
	err := s.identifyCaller(ctx, route, x, raw, bearerErr)
	if err != nil && pks.AsFailure(err).Code == pks.CodeUnauthenticated {
		s.refusals.count(from, time.Now())
	}
	return err
}

// identifyCaller checks the request's credentials.
func (s *Server) identifyCaller(ctx context.Context, route route, x *exchange, raw string, bearerErr error) error {
	if name, password, given := basicLogin(x.request); given && s.takesLogins(route) {
		return s.authoriseBroker(x, name, password)
	}
	if bearerErr != nil {
		return bearerErr
	}
	token, err := s.verify(ctx, route, raw)
	if err != nil {
		return err
	}
	x.caller, x.expires = token.Principal, token.ExpiresAt
	x.extent = route.rights.of(token.Scopes)
	if x.person = route.rights.people && token.Principal.Kind == pks.PrincipalUser; x.person {
		x.extent = max(x.extent, themselves)
	}
	if x.extent == nothing {
		return notEnoughPrivileges()
	}
	return nil
}

// knowsPeople is a Verifier that also accepts tokens which only tell who a person
// is.
type knowsPeople interface {
	VerifyPerson(ctx context.Context, token string) (uaa.Token, error)
}

func (s *Server) verify(ctx context.Context, route route, raw string) (uaa.Token, error) {
	if v, ok := s.config.Verifier.(knowsPeople); ok && route.rights.people {
		return v.VerifyPerson(ctx, raw)
	}
	return s.config.Verifier.Verify(ctx, raw)
}

// of is the widest extent that any of the scopes gives. Scopes are compared
// whole, never by prefix (reference/uaa.md §16.1).
func (r rights) of(scopes []string) extent {
	widest := nothing
	for scope, extent := range map[string]extent{
		uaa.ScopeAdmin:     r.admin,
		uaa.ScopeManage:    r.manage,
		uaa.ScopeAdminRead: r.read,
	} {
		if slices.Contains(scopes, scope) {
			widest = max(widest, extent)
		}
	}
	return widest
}

// notEnoughPrivileges is the text that users of the original know
// (reference/pks-api.md §3.3). It names its own remedy.
func notEnoughPrivileges() *pks.Failure {
	return pks.Failf(pks.CodeForbidden,
		"You do not have enough privileges to perform this action. Please contact the PKS administrator.").WithRemedy("")
}
