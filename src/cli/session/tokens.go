package session

import (
	"context"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// cliClient is the client of people who log in; it has no secret
// (reference/pks-api.md §2.1).
const cliClient = "pks_cli"

// renewBefore is how long before its expiry a token is replaced
// (reference/uaa.md §17).
const renewBefore = 30 * time.Second

// Tokens gives out the stored access token and renews it. It is an
// apiclient.TokenSource; several processes may share one creds.yml.
type Tokens struct {
	store *Store
	now   func() time.Time
}

// NewTokens gives out the tokens of store; now is the clock.
func NewTokens(store *Store, now func() time.Time) *Tokens { return &Tokens{store: store, now: now} }

// Token returns the stored token, renewed when it is about to expire.
func (t *Tokens) Token(ctx context.Context) (pks.Secret, error) {
	c, err := t.store.Load()
	if err != nil {
		return "", err
	}
	if !c.LoggedIn() {
		return "", ErrNotLoggedIn
	}
	left, known := t.left(c.Access)
	if c.Access != "" && (!known || left > renewBefore) {
		return c.Access, nil
	}
	renewed, err := t.Renew(ctx, c.Access)
	if err != nil && left > 0 && !errors.Is(err, context.Canceled) {
		return c.Access, nil // not renewed, but good for some seconds yet
	}
	return renewed, err
}

// Renew trades the refresh token for a new access token, unless another process
// has done so since: the lock on creds.yml is held all the while, because UAA may
// take each refresh token once only.
func (t *Tokens) Renew(ctx context.Context, refused pks.Secret) (pks.Secret, error) {
	var renewed pks.Secret
	err := t.store.Change(ctx, func(ctx context.Context, c *Credentials) error {
		left, known := t.left(c.Access)
		if c.Access != "" && !c.Access.Equal(refused) && (!known || left > renewBefore) {
			renewed = c.Access
			return nil
		}
		if c.Refresh == "" {
			return ErrNotLoggedIn
		}
		tokens, err := refresh(ctx, *c)
		if err != nil {
			return err
		}
		c.Access, renewed = tokens.Access, tokens.Access
		if tokens.Refresh != "" {
			c.Refresh = tokens.Refresh
		}
		return nil
	})
	return renewed, err
}

func refresh(ctx context.Context, c Credentials) (uaa.Tokens, error) {
	address := c.UAA
	if address == "" {
		target, err := ParseTarget(c.API)
		if err != nil {
			return uaa.Tokens{}, err
		}
		address = target.UAA
	}
	return trade(ctx, address, c.TLS(), cliClient, c.Refresh)
}

// trade gives a refresh token for new tokens of the client. ErrNotLoggedIn says
// that it is good no more.
func trade(ctx context.Context, address string, check apiclient.TLS, id string, token pks.Secret) (uaa.Tokens, error) {
	client, err := newUAA(address, check, id, "")
	if err != nil {
		return uaa.Tokens{}, err
	}
	defer client.Close()
	tokens, err := client.Refresh(ctx, token)
	if errors.Is(err, uaa.ErrSessionExpired) || errors.Is(err, uaa.ErrCredentialsRejected) || errors.Is(err, uaa.ErrNoScope) {
		return uaa.Tokens{}, ErrNotLoggedIn
	}
	return tokens, err
}

// left says how long the token is good for, as far as it tells: an opaque one
// does not.
func (t *Tokens) left(token pks.Secret) (left time.Duration, known bool) {
	parsed, err := parseToken(token)
	if err != nil {
		return 0, false
	}
	var claims jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil || claims.Expiry == nil {
		return 0, false
	}
	return claims.Expiry.Time().Sub(t.now()), true
}

// userName is whom the token is for; empty when it does not tell.
func userName(token pks.Secret) string {
	parsed, err := parseToken(token)
	if err != nil {
		return ""
	}
	var claims struct {
		UserName string `json:"user_name"`
	}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return ""
	}
	return claims.UserName
}

// parseToken looks inside. The signature is the API's business; any algorithm will
// do.
func parseToken(token pks.Secret) (*jwt.JSONWebToken, error) {
	return jwt.ParseSigned(token.Reveal(), []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.HS256,
	})
}
