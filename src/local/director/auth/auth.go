// Package auth says who a request to the embedded Director or its CredHub comes from, and what its
// scopes allow (reference/director-api.md §3).
package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// ErrNotAuthenticated: the request carries no credentials, or none that are good.
var ErrNotAuthenticated = errors.New("not authenticated")

// Identity is the sender of a request.
type Identity struct {
	// User is the user's name, or the client's id for a token without a user.
	User string
	// Scopes are the token's scopes. Local users of a Director are administrators.
	Scopes []string
}

// Authenticator finds out who a request comes from.
type Authenticator interface {
	// Authenticate returns ErrNotAuthenticated (possibly wrapped) when the credentials are absent
	// or bad.
	Authenticate(r *http.Request) (Identity, error)
	// UAAURL is told to clients by GET /info; empty means that the Director has local users.
	UAAURL() string
}

// Basic authenticates local users; each is an administrator.
type Basic map[string]pks.Secret

// Authenticate implements Authenticator.
func (users Basic) Authenticate(r *http.Request) (Identity, error) {
	name, password, ok := r.BasicAuth()
	want, known := users[name]
	if !ok || !want.Equal(pks.Secret(password)) || !known {
		return Identity{}, ErrNotAuthenticated
	}
	return Identity{User: name, Scopes: []string{"bosh.admin", "credhub.read", "credhub.write"}}, nil
}

// UAAURL implements Authenticator.
func (Basic) UAAURL() string { return "" }

// Verify checks an access token's signature and times and returns its identity.
type Verify func(ctx context.Context, token string) (Identity, error)

// Bearer authenticates by UAA access tokens.
type Bearer struct {
	// URL is the UAA's base address.
	URL string
	// Verify checks a token.
	Verify Verify
}

// Authenticate implements Authenticator. The word "bearer" may be written in any case.
func (b Bearer) Authenticate(r *http.Request) (Identity, error) {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if !found || !strings.EqualFold(scheme, "bearer") {
		return Identity{}, ErrNotAuthenticated
	}
	identity, err := b.Verify(r.Context(), strings.TrimSpace(token))
	if err != nil {
		return Identity{}, errors.Join(ErrNotAuthenticated, err)
	}
	return identity, nil
}

// UAAURL implements Authenticator.
func (b Bearer) UAAURL() string { return b.URL }
