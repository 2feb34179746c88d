package kubeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// provider lets people in whom an OpenID provider vouches for, by the flags
// --oidc-… of a real API server (reference/cluster-manifest.md §8).
type provider struct {
	issuer, clientID              string
	usernameClaim, usernamePrefix string
	groupsClaim, groupsPrefix     string
	http                          *http.Client

	mu    sync.Mutex
	keys  jose.JSONWebKeySet
	asked time.Time
}

const (
	providerTimeout = 10 * time.Second
	maxProviderBody = 1 << 20
	askedAgainAfter = 10 * time.Second
)

// readProvider is nil when the job names no issuer.
func readProvider(properties map[string]any) (*provider, error) {
	arguments, _ := properties["k8s-args"].(map[string]any)
	argument := func(name string) string {
		text, _ := arguments[name].(string)
		return text
	}
	p := &provider{
		issuer: argument("oidc-issuer-url"), clientID: argument("oidc-client-id"),
		usernameClaim: argument("oidc-username-claim"), usernamePrefix: argument("oidc-username-prefix"),
		groupsClaim: argument("oidc-groups-claim"), groupsPrefix: argument("oidc-groups-prefix"),
	}
	switch {
	case p.issuer == "" && p.clientID == "":
		return nil, nil
	case !strings.HasPrefix(p.issuer, "https://") || p.clientID == "":
		return nil, errors.New("oidc-issuer-url must be an https:// address, and oidc-client-id must be set with it")
	}
	if p.usernameClaim == "" {
		p.usernameClaim = "sub"
	}
	switch {
	case p.usernamePrefix == "-":
		p.usernamePrefix = ""
	case p.usernamePrefix == "" && p.usernameClaim != "email":
		p.usernamePrefix = p.issuer + "#"
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca := text(properties, "oidc", "ca"); ca != "" && argument("oidc-ca-file") != "" {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("property oidc.ca holds no certificate")
		}
	}
	p.http = &http.Client{Timeout: providerTimeout, Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}}
	return p, nil
}

// issued tells whether the token says that the provider made it.
func (p *provider) issued(token *jwt.JSONWebToken) bool {
	var c jwt.Claims
	return p != nil && token.UnsafeClaimsWithoutVerification(&c) == nil && c.Issuer == p.issuer
}

// user verifies an ID token and says whose it is.
func (p *provider) user(ctx context.Context, token *jwt.JSONWebToken, now time.Time) (user, error) {
	key, err := p.key(ctx, token.Headers[0].KeyID, now)
	if err != nil {
		return user{}, err
	}
	var standard jwt.Claims
	claims := map[string]any{}
	if err := token.Claims(key, &standard, &claims); err != nil {
		return user{}, errUnauthorized
	}
	standard.IssuedAt = nil // a real server does not look at it
	if standard.Expiry == nil || standard.ValidateWithLeeway(jwt.Expected{Issuer: p.issuer, AnyAudience: jwt.Audience{p.clientID}, Time: now}, 0) != nil {
		return user{}, errUnauthorized
	}
	name, _ := claims[p.usernameClaim].(string)
	if name == "" {
		return user{}, errUnauthorized
	}
	u := user{name: p.usernamePrefix + name}
	switch groups := claims[p.groupsClaim].(type) {
	case string:
		u.groups = append(u.groups, p.groupsPrefix+groups)
	case []any:
		for _, group := range groups {
			if group, ok := group.(string); ok {
				u.groups = append(u.groups, p.groupsPrefix+group)
			}
		}
	}
	u.groups = append(u.groups, groupAuthenticated)
	return u, nil
}

// key finds the provider's key. One that is unknown may be new: the provider is
// asked, though not for each token anew.
func (p *provider) key(ctx context.Context, id string, now time.Time) (jose.JSONWebKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if found := p.keys.Key(id); len(found) > 0 {
		return found[0], nil
	}
	if !p.asked.IsZero() && now.Sub(p.asked) < askedAgainAfter {
		return jose.JSONWebKey{}, errUnauthorized
	}
	keys, err := p.fetchKeys(ctx)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	p.keys, p.asked = keys, now
	if found := keys.Key(id); len(found) > 0 {
		return found[0], nil
	}
	return jose.JSONWebKey{}, errUnauthorized
}

func (p *provider) fetchKeys(ctx context.Context) (jose.JSONWebKeySet, error) {
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := p.fetch(ctx, strings.TrimSuffix(p.issuer, "/")+"/.well-known/openid-configuration", &discovery); err != nil {
		return jose.JSONWebKeySet{}, err
	}
	if discovery.Issuer != p.issuer || !strings.HasPrefix(discovery.Keys, "https://") {
		return jose.JSONWebKeySet{}, fmt.Errorf("the provider at %s says that it is %q", p.issuer, discovery.Issuer)
	}
	var keys jose.JSONWebKeySet
	err := p.fetch(ctx, discovery.Keys, &keys)
	keys.Keys = slices.DeleteFunc(keys.Keys, func(k jose.JSONWebKey) bool { return !k.IsPublic() || !k.Valid() })
	return keys, err
}

func (p *provider) fetch(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask the OpenID provider: %w", err)
	}
	response, err := p.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask the OpenID provider: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the OpenID provider: %s answers with status %d", address, response.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxProviderBody)).Decode(into); err != nil {
		return fmt.Errorf("ask the OpenID provider: read %s: %w", address, err)
	}
	return nil
}
