package api

import (
	"context"
	"slices"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// authorise finds out who calls and how far their scopes reach on the route.
func (s *Server) authorise(ctx context.Context, route route, x *exchange) error {
	if route.rights.public {
		return nil
	}
	raw, err := uaa.BearerToken(x.request)
	if err != nil {
		return err
	}
	token, err := s.config.Verifier.Verify(ctx, raw)
	if err != nil {
		return err
	}
	x.caller = token.Principal
	x.extent = route.rights.of(token.Scopes)
	if x.extent == nothing {
		return notEnoughPrivileges()
	}
	return nil
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
