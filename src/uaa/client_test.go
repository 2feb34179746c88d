package uaa

import (
	"context"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newTestClient(t testing.TB, transport http.RoundTripper) *Client {
	t.Helper()
	c, err := NewClient(ClientConfig{Connection: Connection{URL: testURL, Transport: transport}, ClientID: "ci bot", ClientSecret: "p:%&ä"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const tokenBody = `{"access_token":"eyJh.b.c","token_type":"bearer","refresh_token":"eyJr.e.f","id_token":"eyJi.d.t","expires_in":599,"scope":"pks.clusters.manage openid","jti":"8f0e"}`

func TestGrantsOnTheWire(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		call func(*Client, context.Context) (Tokens, error)
		want url.Values
	}{
		"password": {func(c *Client, ctx context.Context) (Tokens, error) { return c.Password(ctx, "alana", "s&=%") },
			url.Values{"grant_type": {"password"}, "username": {"alana"}, "password": {"s&=%"}}},
		"passcode": {func(c *Client, ctx context.Context) (Tokens, error) { return c.Passcode(ctx, "abc") },
			url.Values{"grant_type": {"password"}, "passcode": {"abc"}}},
		"client credentials": {func(c *Client, ctx context.Context) (Tokens, error) { return c.ClientCredentials(ctx) },
			url.Values{"grant_type": {"client_credentials"}}},
		"refresh": {func(c *Client, ctx context.Context) (Tokens, error) { return c.Refresh(ctx, "old") },
			url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"old"}}},
		"authorization code": {func(c *Client, ctx context.Context) (Tokens, error) {
			return c.AuthorizationCode(ctx, "code", "verifier", "http://127.0.0.1:1/back")
		}, url.Values{"grant_type": {"authorization_code"}, "code": {"code"}, "code_verifier": {"verifier"}, "redirect_uri": {"http://127.0.0.1:1/back"}}},
		"authorization code without PKCE": {func(c *Client, ctx context.Context) (Tokens, error) {
			return c.AuthorizationCode(ctx, "code", "", "http://127.0.0.1:1/back")
		}, url.Values{"grant_type": {"authorization_code"}, "code": {"code"}, "redirect_uri": {"http://127.0.0.1:1/back"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fake := newFake()
				var got *http.Request
				fake.answer = func(r *http.Request) (int, string) {
					_ = r.ParseForm()
					got = r
					return 200, tokenBody
				}
				tokens, err := test.call(newTestClient(t, fake), t.Context())
				if err != nil {
					t.Fatal(err)
				}
				want := Tokens{Access: "eyJh.b.c", Refresh: "eyJr.e.f", ID: "eyJi.d.t", Scopes: []string{"pks.clusters.manage", "openid"},
					JTI: "8f0e", ExpiresAt: time.Now().Add(599 * time.Second)}
				if diff := cmp.Diff(want, tokens); diff != "" {
					t.Errorf("tokens differ (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.want, got.PostForm); diff != "" {
					t.Errorf("form differs (-want +got):\n%s", diff)
				}
				id, secret, _ := got.BasicAuth()
				if id != "ci+bot" || secret != "p%3A%25%26%C3%A4" || got.Header.Get("X-CF-ENCODED-CREDENTIALS") != "true" {
					t.Errorf("Basic parts are %q and %q, headers %v", id, secret, got.Header)
				}
				if got.URL.String() != testURL+"/oauth/token" || got.Method != http.MethodPost || got.Header.Get("Accept") != "application/json" {
					t.Errorf("request is %s %s %v", got.Method, got.URL, got.Header)
				}
			})
		})
	}
}

func TestAnswersAreSortedIntoKinds(t *testing.T) {
	t.Parallel()
	body := func(code, text string) string {
		return `{"error":"` + code + `","error_description":"` + text + `"}`
	}
	password := func(c *Client, ctx context.Context) (Tokens, error) { return c.Password(ctx, "alana", "hunter2") }
	refresh := func(c *Client, ctx context.Context) (Tokens, error) { return c.Refresh(ctx, "hunter2") }
	tests := map[string]struct {
		call   func(*Client, context.Context) (Tokens, error)
		status int
		body   string
		want   error
	}{
		"wrong credentials":           {password, 401, body("invalid_client", "Bad credentials"), ErrCredentialsRejected},
		"wrong credentials, older":    {password, 401, body("unauthorized", "Bad credentials"), ErrCredentialsRejected},
		"locked":                      {password, 401, body("unauthorized", "Your account has been locked"), ErrCredentialsRejected},
		"not verified":                {password, 403, body("access_denied", "not verified"), ErrCredentialsRejected},
		"text with the password":      {password, 401, body("unauthorized", "hunter2 is wrong\\neyJhbGciOiJ.e30.x"), ErrCredentialsRejected},
		"no scope":                    {password, 400, body("invalid_scope", "[a] is invalid. This user is not allowed any of the requested scopes"), ErrNoScope},
		"grant not allowed":           {password, 401, body("unauthorized_client", "Unauthorized grant type: password"), ErrRequestRefused},
		"unknown grant":               {password, 400, body("unsupported_grant_type", "x"), ErrRequestRefused},
		"bad code":                    {password, 400, body("invalid_grant", "x"), ErrCredentialsRejected},
		"unknown code":                {password, 400, body("something_new", "x"), ErrRequestRefused},
		"rate limit":                  {password, 429, "", ErrUnavailable},
		"500":                         {password, 500, body("server_error", "x"), ErrUnavailable},
		"502 of a proxy":              {password, 502, "<html>", ErrUnavailable},
		"404 of another server":       {password, 404, "<html>", ErrNotUAA},
		"401 of another server":       {password, 401, "<html>", ErrNotUAA},
		"redirect":                    {password, 302, "", ErrNotUAA},
		"200 HTML":                    {password, 200, "<html>", ErrNotUAA},
		"200 without a token":         {password, 200, `{"hello":"world"}`, ErrNotUAA},
		"200 without a lifetime":      {password, 200, `{"access_token":"a","token_type":"bearer"}`, ErrNotUAA},
		"200 with another token type": {password, 200, `{"access_token":"a","token_type":"mac","expires_in":5}`, ErrNotUAA},
		"refresh expired":             {refresh, 401, body("invalid_token", "Invalid refresh token expired at x"), ErrSessionExpired},
		"refresh of another client":   {refresh, 400, body("invalid_grant", "Wrong client for this refresh token: x"), ErrSessionExpired},
		"refresh, client changed":     {refresh, 401, body("invalid_client", "Bad credentials"), ErrSessionExpired},
		"refresh, UAA ill":            {refresh, 503, "", ErrUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake()
			fake.answer = func(*http.Request) (int, string) { return test.status, test.body }
			_, err := test.call(newTestClient(t, fake), t.Context())
			if !errors.Is(err, test.want) {
				t.Fatalf("error is %v, want %v", err, test.want)
			}
			typed, ok := errors.AsType[*Error](err)
			if !ok || typed.URL != testURL {
				t.Fatalf("error is %#v", err)
			}
			if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "eyJ") || strings.ContainsAny(text, "\r\n") {
				t.Fatalf("error is %q", text)
			}
		})
	}
}

func TestNetworkFailuresAreSortedIntoKinds(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	_, port, _ := net.SplitHostPort(secure.Listener.Addr().String())
	tests := map[string]struct {
		connection Connection
		want       error
	}{
		"nobody listens":      {Connection{URL: "https://" + closed.Addr().String()}, ErrUnreachable},
		"unknown authority":   {Connection{URL: secure.URL}, ErrCertificate},
		"another host":        {Connection{URL: "https://localhost:" + port, CA: ca}, ErrCertificate},
		"plain HTTP":          {Connection{URL: strings.Replace(plain.URL, "http:", "https:", 1)}, ErrNotUAA},
		"not a UAA":           {Connection{URL: secure.URL, CA: ca}, ErrNotUAA},
		"verification is off": {Connection{URL: secure.URL, SkipTLSVerification: true}, ErrNotUAA},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := NewClient(ClientConfig{Connection: test.connection, ClientID: "pks_cli"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			if _, err := c.Password(t.Context(), "alana", "x"); !errors.Is(err, test.want) {
				t.Errorf("token: error is %v, want %v", err, test.want)
			}
			if _, err := c.Info(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("info: error is %v, want %v", err, test.want)
			}
		})
	}
}

func TestSlowUAAEndsTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.delay = time.Hour
		_, err := newTestClient(t, fake).Password(t.Context(), "alana", "x")
		if !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error is %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := newTestClient(t, fake).Password(ctx, "alana", "x"); !errors.Is(err, context.Canceled) {
			t.Fatalf("error is %v", err)
		}
	})
}

func TestInfoTellsPromptsAndPasscodePage(t *testing.T) {
	t.Parallel()
	fake := newFake()
	fake.answer = func(*http.Request) (int, string) {
		return 200, `{"app":{"version":"77.1"},"prompts":{"username":["text","Email"],"password":["password","Password"],
			"passcode":["password","Temporary Authentication Code ( Get one at https://login.example.com/passcode )"]}}`
	}
	info, err := newTestClient(t, fake).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Info{Version: "77.1", PasscodeURL: "https://login.example.com/passcode", Prompts: map[string]Prompt{
		"username": {false, "Email"}, "password": {true, "Password"},
		"passcode": {true, "Temporary Authentication Code ( Get one at https://login.example.com/passcode )"},
	}}
	if diff := cmp.Diff(want, info); diff != "" {
		t.Errorf("info differs (-want +got):\n%s", diff)
	}
	fake.set(func(f *fakeUAA) { f.answer = func(*http.Request) (int, string) { return 503, "" } })
	if _, err := newTestClient(t, fake).Info(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
}

func TestAuthorizeURLCarriesTheChallenge(t *testing.T) {
	t.Parallel()
	verifier := NewCodeVerifier()
	page, err := url.Parse(newTestClient(t, newFake()).AuthorizeURL("http://127.0.0.1:9/back", "state", verifier, ScopeManage))
	if err != nil {
		t.Fatal(err)
	}
	query := page.Query()
	if page.Path != "/oauth/authorize" || query.Get("code_challenge_method") != "S256" || query.Get("code_challenge") == "" ||
		query.Get("state") != "state" || query.Get("scope") != ScopeManage || strings.Contains(page.String(), verifier.Reveal()) {
		t.Fatalf("page is %s", page)
	}
}

func TestClientConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]ClientConfig{
		"no client": {Connection: Connection{URL: testURL}},
		"no URL":    {ClientID: "pks_cli"},
		"bad CA":    {Connection: Connection{URL: testURL, CA: []byte("x")}, ClientID: "pks_cli"},
	} {
		if _, err := NewClient(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
