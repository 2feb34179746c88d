package uaa

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/pks-community/pks-release/src/pks"
)

// callTimeout bounds one call of the Client unless the context ends earlier.
const callTimeout = 30 * time.Second

// Grant types (reference/uaa.md §3).
const (
	grantPassword = "password"
	grantClient   = "client_credentials"
	grantRefresh  = "refresh_token"
	grantCode     = "authorization_code"
)

// Client fetches tokens as one OAuth client. It is safe for concurrent use.
type Client struct {
	endpoint *endpoint
	id       string
	secret   pks.Secret
	now      func() time.Time
	calls    *http.Client
}

// ClientConfig says which UAA to ask, and as which client.
type ClientConfig struct {
	Connection
	ClientID     string
	ClientSecret pks.Secret // may be empty: pks_cli has none
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Tokens is a successful answer of the token endpoint.
type Tokens struct {
	Access    pks.Secret
	Refresh   pks.Secret // empty for client credentials
	ID        pks.Secret // empty unless openid was granted
	Scopes    []string
	JTI       string
	ExpiresAt time.Time // of the access token
}

// NewClient checks the configuration; it calls nobody.
func NewClient(c ClientConfig) (*Client, error) {
	if c.ClientID == "" {
		return nil, errors.New("client id is not set")
	}
	endpoint, err := newEndpoint(c.Connection)
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	calls := *endpoint.client
	calls.Transport = encodedCredentials{endpoint.transport()}
	return &Client{endpoint: endpoint, id: c.ClientID, secret: c.ClientSecret, now: c.Now, calls: &calls}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.endpoint.close() }

// Password logs a person in with the name and password given.
func (c *Client) Password(ctx context.Context, name string, password pks.Secret) (Tokens, error) {
	return c.grant(ctx, grantPassword, map[string]string{"username": name, "password": password.Reveal()}, password)
}

// Passcode logs a person in with the one-time code of UAA's page /passcode.
func (c *Client) Passcode(ctx context.Context, code pks.Secret) (Tokens, error) {
	return c.grant(ctx, grantPassword, map[string]string{"passcode": code.Reveal()}, code)
}

// ClientCredentials logs the client itself in.
func (c *Client) ClientCredentials(ctx context.Context) (Tokens, error) {
	return c.grant(ctx, grantClient, nil)
}

// Refresh trades a refresh token for new tokens. Store the refresh token of the
// answer: it may be a new one, and then the old one is used up.
func (c *Client) Refresh(ctx context.Context, refresh pks.Secret) (Tokens, error) {
	return c.grant(ctx, grantRefresh, map[string]string{"refresh_token": refresh.Reveal()}, refresh)
}

// AuthorizationCode trades the code that UAA sent to the redirect address for
// tokens. The verifier is the one whose challenge AuthorizeURL carried.
func (c *Client) AuthorizationCode(ctx context.Context, code, verifier pks.Secret, redirect string) (Tokens, error) {
	return c.grant(ctx, grantCode, map[string]string{
		"code": code.Reveal(), "code_verifier": verifier.Reveal(), "redirect_uri": redirect,
	}, code, verifier)
}

// NewCodeVerifier makes the secret of PKCE (RFC 7636 §4.1).
func NewCodeVerifier() pks.Secret { return pks.Secret(oauth2.GenerateVerifier()) }

// AuthorizeURL is the page a browser is sent to for the authorization code
// grant, with the S256 challenge of the verifier.
func (c *Client) AuthorizeURL(redirect, state string, verifier pks.Secret, scopes ...string) string {
	page := oauth2.Config{
		ClientID:    c.id,
		RedirectURL: redirect,
		Scopes:      scopes,
		Endpoint:    oauth2.Endpoint{AuthURL: c.endpoint.base + "/oauth/authorize"},
	}
	return page.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier.Reveal()))
}

// grant makes the token request. x/oauth2 has a function for each grant but one,
// the passcode; its client credentials take any parameters, so all go that way.
func (c *Client) grant(ctx context.Context, grant string, form map[string]string, hide ...pks.Secret) (Tokens, error) {
	parameters := map[string][]string{"grant_type": {grant}}
	for name, value := range form {
		if value != "" || name != "code_verifier" {
			parameters[name] = []string{value}
		}
	}
	request := clientcredentials.Config{
		ClientID:       c.id,
		ClientSecret:   c.secret.Reveal(),
		TokenURL:       c.endpoint.base + "/oauth/token",
		EndpointParams: parameters,
		AuthStyle:      oauth2.AuthStyleInHeader,
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, c.calls), callTimeout)
	defer cancel()
	asked := c.now()
	token, err := request.Token(ctx)
	if err != nil {
		secrets := []string{c.secret.Reveal()}
		for _, s := range hide {
			secrets = append(secrets, s.Reveal())
		}
		return Tokens{}, grantError(c.endpoint.base, grant, err, secrets)
	}
	return c.tokens(token, asked)
}

func (c *Client) tokens(token *oauth2.Token, asked time.Time) (Tokens, error) {
	text := func(name string) string {
		value, _ := token.Extra(name).(string)
		return value
	}
	seconds, ok := token.Extra("expires_in").(float64)
	if !ok || seconds < 0 || seconds > 1e10 || !strings.EqualFold(token.TokenType, "bearer") {
		return Tokens{}, &Error{Kind: ErrNotUAA, URL: c.endpoint.base, Description: "the answer holds no bearer token with a lifetime"}
	}
	return Tokens{
		Access:    pks.Secret(token.AccessToken),
		Refresh:   pks.Secret(token.RefreshToken),
		ID:        pks.Secret(text("id_token")),
		Scopes:    strings.Fields(text("scope")),
		JTI:       text("jti"),
		ExpiresAt: asked.Add(time.Duration(seconds * float64(time.Second))),
	}, nil
}

// encodedCredentials tells UAA that the Basic parts are URL-encoded, as x/oauth2
// makes them (reference/uaa.md §2.1).
type encodedCredentials struct{ next http.RoundTripper }

// RoundTrip sends a copy of the request with the header set.
func (t encodedCredentials) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-CF-ENCODED-CREDENTIALS", "true")
	r.Header.Set("Accept", "application/json")
	return t.next.RoundTrip(r)
}
