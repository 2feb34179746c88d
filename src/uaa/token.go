package uaa

import (
	"slices"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// Token is what a verified access token says.
type Token struct {
	Principal pks.Principal
	Scopes    []string
	ClientID  string // the client that asked for the token
	JTI       string // the token's id, for logs
	ExpiresAt time.Time
}

// Has tells whether the token carries the scope, compared whole.
func (t Token) Has(scope string) bool { return slices.Contains(t.Scopes, scope) }

// HasAny tells whether the token carries at least one of the scopes.
func (t Token) HasAny(scopes ...string) bool { return slices.ContainsFunc(scopes, t.Has) }

// clone keeps callers from changing what the cache holds.
func (t Token) clone() Token {
	t.Scopes = slices.Clone(t.Scopes)
	return t
}
