package server_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Every kind of bad token gets the same 401 from the real verifier, and stores
// nothing (reference/uaa.md §16).
func TestEveryKindOfBadTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	api := s.start(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	set := func(claim string, value any) func(map[string]any) {
		return func(claims map[string]any) { claims[claim] = value }
	}
	tokens := map[string]string{
		"none":              "",
		"garbage":           "garbage",
		"three parts":       "a.b.c",
		"expired":           s.token(t, set("exp", time.Now().Add(-5*time.Minute).Unix())),
		"no expiry":         s.token(t, func(c map[string]any) { delete(c, "exp") }),
		"not yet valid":     s.token(t, set("nbf", time.Now().Add(5*time.Minute).Unix())),
		"other issuer":      s.token(t, set("iss", "https://other.example.com/oauth/token")),
		"other audience":    s.token(t, set("aud", []string{"other"})),
		"other zone":        s.token(t, set("zid", "other")),
		"refresh token":     s.token(t, set("jti", "token-1-r")),
		"stranger's key":    sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: stranger}, "key-1", s.claims()),
		"unknown key":       sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: s.key}, "key-9", s.claims()),
		"no key id":         sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: s.key}, "", s.claims()),
		"PS256":             sign(t, jose.SigningKey{Algorithm: jose.PS256, Key: s.key}, "key-1", s.claims()),
		"HS256, public PEM": sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: encode("PUBLIC KEY", public)}, "key-1", s.claims()),
		"HS256, public DER": sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: public}, "key-1", s.claims()),
		"alg none":          unsigned(t, s.claims()),
		"no signature":      withoutSignature(s.token(t)),
	}
	for name, token := range tokens {
		status, body := api.call(t, "POST", "/v1/clusters", token, create)
		var flat map[string]string
		if err := json.Unmarshal([]byte(body), &flat); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want := "invalid_token"
		if token == "" {
			want = "unauthorized"
		}
		if status != http.StatusUnauthorized || flat["error"] != want {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for i, line := range guarded(t, api) {
		method, path, _ := strings.Cut(line, " ")
		// Each line from an address of its own, whose refusals are counted.
		from := &running{url: api.url, client: s.clientFrom(net.IPv4(127, 0, 1, byte(2+i)))}
		for name, token := range tokens {
			if status, body := from.call(t, method, path, token, ""); status != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d %s", line, name, status, body)
			}
		}
	}
	status, body := api.call(t, "GET", "/v1/clusters", s.token(t), "")
	if status != http.StatusOK || body != "[]" {
		t.Errorf("after all that: %d %s", status, body)
	}
	if n := s.provisions(); n != 0 {
		t.Errorf("the broker was asked %d times", n)
	}
}

// guarded are all lines of the API that need a token, with something for their
// variables.
func guarded(t *testing.T, api *running) []string {
	t.Helper()
	_, text := api.call(t, "GET", "/openapi.json", "", "")
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for path, item := range document.Paths {
		for method, raw := range item {
			var operation struct {
				Security *[]any `json:"security"`
			}
			if method == "parameters" {
				continue
			}
			if err := json.Unmarshal(raw, &operation); err != nil {
				t.Fatal(err)
			}
			if operation.Security == nil || len(*operation.Security) > 0 {
				lines = append(lines, strings.ToUpper(method)+" "+regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(path, "x"))
			}
		}
	}
	if len(lines) < 15 {
		t.Fatalf("only %d lines need a token", len(lines))
	}
	return lines
}

// clientFrom is a client whose requests come from the address.
func (s *site) clientFrom(ip net.IP) *http.Client {
	client := s.client()
	transport := client.Transport.(*http.Transport)
	transport.DisableKeepAlives = false
	transport.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}}).DialContext
	return client
}

func TestOpaqueTokenIsReadByUAA(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	api := s.start(t)
	if status, body := api.call(t, "GET", "/v1/clusters", opaque, ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if status, body := api.call(t, "GET", "/v1/clusters", "f"+opaque, ""); status != http.StatusUnauthorized {
		t.Errorf("another one: %d %s", status, body)
	}
}

func TestScopeAndOwnerDecideOnAForeignCluster(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	api := s.start(t)
	owner := s.token(t, manages("cody", "uaa"))
	if status, body := api.call(t, "POST", "/v1/clusters", owner, create); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	for name, test := range map[string]struct {
		token string
		want  int
	}{
		"owner":                           {owner, http.StatusOK},
		"somebody else":                   {s.token(t, manages("naomi", "uaa")), http.StatusForbidden},
		"same name of another origin":     {s.token(t, manages("cody", "ldap")), http.StatusForbidden},
		"administrator":                   {s.token(t), http.StatusOK},
		"reader":                          {s.token(t, func(c map[string]any) { c["scope"] = []string{"pks.clusters.admin.read"} }), http.StatusOK},
		"a scope that only looks like it": {s.token(t, func(c map[string]any) { c["scope"] = []string{"pks.clusters.administrator"} }), http.StatusForbidden},
	} {
		if status, body := api.call(t, "GET", "/v1/clusters/demo", test.token, ""); status != test.want {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func manages(user, origin string) func(map[string]any) {
	return func(c map[string]any) {
		id := "id-of-" + user + "-in-" + origin
		c["user_name"], c["user_id"], c["sub"], c["origin"] = user, id, id, origin
		c["scope"] = []string{"pks.clusters.manage"}
	}
}

func unsigned(t *testing.T, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none","kid":"key-1","typ":"JWT"}`)) + "." + part(payload) + "."
}

func withoutSignature(token string) string {
	return token[:strings.LastIndex(token, ".")+1]
}
