package uaa_test

import (
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/pks"
	client "github.com/pks-community/pks-release/src/uaa"
	"github.com/pks-community/pks-release/src/uaa/uaatest"
)

const redirect = "https://app.example.com/back"

// browser is a person's browser that does not leave the server.
type browser struct {
	t      *testing.T
	target uaatest.Target
	http   *http.Client
}

func newBrowser(t *testing.T, target uaatest.Target) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := trusting(t, target)
	c.Jar = jar
	return &browser{t, target, c}
}

func (b *browser) do(r *http.Request) (status int, location, page string) {
	b.t.Helper()
	r.Header.Set("Accept", "text/html")
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Location"), string(body)
}

func (b *browser) get(path string) (status int, location, page string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.target.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) post(path string, form url.Values) (status int, location, page string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.target.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// fields are the hidden inputs of a form.
func fields(page string) url.Values {
	form := url.Values{}
	for _, m := range regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

// login goes to a page that wants a log-in, logs in, and returns where it is
// sent then.
func (b *browser) login(path, password string) (status int, location string) {
	b.t.Helper()
	status, location, _ = b.get(path)
	if status != http.StatusFound || !strings.HasPrefix(location, "/login") {
		b.t.Fatalf("%s without a session: status %d to %q", path, status, location)
	}
	_, _, page := b.get(location)
	form := fields(page)
	form.Set("username", "alana")
	form.Set("password", password)
	status, location, _ = b.post("/login.do", form)
	return status, location
}

func TestPasscodeIsGoodOnceAndForFiveMinutes(t *testing.T) {
	t.Parallel()
	c := &clock{now: time.Now()}
	_, target := start(t, func(config *uaa.Config) { config.Clock = c.read })
	b := newBrowser(t, target)
	if status, _ := b.login("/passcode", "wrong"); status != http.StatusUnauthorized {
		t.Fatalf("a wrong password gives status %d", status)
	}
	status, location := b.login("/passcode", "alana-password")
	if status != http.StatusFound || location != "/passcode" {
		t.Fatalf("status %d to %q", status, location)
	}
	passcode := func() pks.Secret {
		_, _, page := b.get("/passcode")
		code := regexp.MustCompile(`<code>([0-9a-f]{32})</code>`).FindStringSubmatch(page)
		if code == nil {
			t.Fatalf("page is %s", page)
		}
		return pks.Secret(code[1])
	}
	cli := newClient(t, target, "pks_cli", "")
	old, code := passcode(), passcode()
	if _, err := cli.Passcode(t.Context(), old); !errors.Is(err, client.ErrCredentialsRejected) {
		t.Errorf("the code before the last gives %v", err)
	}
	tokens, err := cli.Passcode(t.Context(), code)
	if err != nil || tokens.Refresh == "" {
		t.Fatal(err)
	}
	if _, err := cli.Passcode(t.Context(), code); !errors.Is(err, client.ErrCredentialsRejected) {
		t.Errorf("a used code gives %v", err)
	}
	late := passcode()
	c.advance(5 * time.Minute)
	if _, err := cli.Passcode(t.Context(), late); !errors.Is(err, client.ErrCredentialsRejected) {
		t.Errorf("a code after five minutes gives %v", err)
	}
	if _, _, page := b.get("/logout.do"); strings.Contains(page, "code") {
		t.Errorf("page is %s", page)
	}
	if status, location, _ := b.get("/passcode"); status != http.StatusFound || !strings.HasPrefix(location, "/login") {
		t.Errorf("after the log-out: status %d to %q", status, location)
	}
}

func TestFormsNeedTheirCookie(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	b := newBrowser(t, target)
	form := url.Values{"username": {"alana"}, "password": {"alana-password"}, "X-Uaa-Csrf": {"x"}}
	if status, _, _ := b.post("/login.do", form); status != http.StatusForbidden {
		t.Errorf("status is %d", status)
	}
}

func TestLoginNeverSendsAnywhereElse(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	for _, next := range []string{"https://evil.example.com/", "//evil.example.com/", `/\evil.example.com`, "evil", ""} {
		b := newBrowser(t, target)
		_, _, page := b.get("/login?next=" + url.QueryEscape(next))
		form := fields(page)
		form.Set("next", next)
		form.Set("username", "alana")
		form.Set("password", "alana-password")
		if status, location, _ := b.post("/login.do", form); status != http.StatusFound || location != "/passcode" {
			t.Errorf("next %q: status %d to %q", next, status, location)
		}
	}
}

// authorizationCode walks through the log-in and returns the code.
func authorizationCode(t *testing.T, target uaatest.Target, page string) string {
	t.Helper()
	parsed, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, target)
	_, location := b.login(parsed.RequestURI(), "alana-password")
	status, location, _ := b.get(location)
	back, err := url.Parse(location)
	if err != nil || status != http.StatusFound || !strings.HasPrefix(location, redirect+"?") || back.Query().Get("state") != "the state" {
		t.Fatalf("status %d to %q", status, location)
	}
	return back.Query().Get("code")
}

func TestAuthorizationCodeWithPKCE(t *testing.T) {
	t.Parallel()
	server, target := start(t)
	cli := newClient(t, target, "pks_cli", "")
	verifier := client.NewCodeVerifier()
	page := cli.AuthorizeURL(redirect, "the state", verifier, client.ScopeAdmin)
	code := func() pks.Secret { return pks.Secret(authorizationCode(t, target, page)) }

	good := code()
	tokens, err := cli.AuthorizationCode(t.Context(), good, verifier, redirect)
	if err != nil {
		t.Fatal(err)
	}
	token, err := newVerifier(t, target, server.Issuer(), nil).Verify(t.Context(), tokens.Access.Reveal())
	if err != nil || token.Principal.Name != "alana" || !token.Has(client.ScopeAdmin) {
		t.Errorf("token is %+v, error %v", token, err)
	}
	if _, err := cli.Refresh(t.Context(), tokens.Refresh); err != nil {
		t.Error(err)
	}
	if _, err := cli.AuthorizationCode(t.Context(), good, verifier, redirect); !errors.Is(err, client.ErrCredentialsRejected) {
		t.Errorf("a used code gives %v", err)
	}
	for name, attempt := range map[string]func() error{
		"another verifier": func() error {
			_, err := cli.AuthorizationCode(t.Context(), code(), client.NewCodeVerifier(), redirect)
			return err
		},
		"no verifier": func() error { _, err := cli.AuthorizationCode(t.Context(), code(), "", redirect); return err },
		"another redirect": func() error {
			_, err := cli.AuthorizationCode(t.Context(), code(), verifier, redirect+"/x")
			return err
		},
		"another client": func() error {
			_, err := newClient(t, target, "pks_cluster_client", "").AuthorizationCode(t.Context(), code(), verifier, redirect)
			return err
		},
	} {
		if err := attempt(); !errors.Is(err, client.ErrCredentialsRejected) {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

func TestPublicClientNeedsPKCE(t *testing.T) {
	t.Parallel()
	_, target := start(t, func(c *uaa.Config) {
		c.Clients = append(c.Clients, uaa.Client{ID: "public", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{redirect},
			Scopes: []string{"openid"}, AutoApprove: true, AllowPublic: true})
	})
	exchange := func(form url.Values) (int, string) {
		form.Set("grant_type", "authorization_code")
		form.Set("client_id", "public")
		form.Set("redirect_uri", redirect)
		status, _, body := newBrowser(t, target).post("/oauth/token", form)
		var answer struct {
			Error string `json:"error"`
			Token string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		return status, answer.Error
	}
	public := newClient(t, target, "public", "")
	verifier := client.NewCodeVerifier()
	code := authorizationCode(t, target, public.AuthorizeURL(redirect, "the state", verifier))
	if status, problem := exchange(url.Values{"code": {code}, "code_verifier": {verifier.Reveal()}}); status != http.StatusOK {
		t.Errorf("with PKCE: status %d, error %s", status, problem)
	}
	plain := target.URL + "/oauth/authorize?response_type=code&client_id=public&state=the+state&redirect_uri=" + url.QueryEscape(redirect)
	code = authorizationCode(t, target, plain)
	if status, problem := exchange(url.Values{"code": {code}}); status != http.StatusUnauthorized || problem != "invalid_client" {
		t.Errorf("without PKCE: status %d, error %s", status, problem)
	}
}

func TestClientWithoutAutoApprovalAsksThePerson(t *testing.T) {
	t.Parallel()
	_, target := start(t, func(c *uaa.Config) {
		c.Clients = append(c.Clients, uaa.Client{ID: "asking", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{redirect}, Scopes: []string{"openid"}})
	})
	for decision, want := range map[string]string{"approve": "code", "deny": "error"} {
		b := newBrowser(t, target)
		_, location := b.login("/oauth/authorize?response_type=code&client_id=asking&state=s&redirect_uri="+url.QueryEscape(redirect), "alana-password")
		_, _, page := b.get(location)
		form := url.Values{"X-Uaa-Csrf": {fields(page).Get("X-Uaa-Csrf")}, "request": {fields(page).Get("request")}, "decision": {decision}}
		status, location, _ := b.post("/oauth/authorize", form)
		back, err := url.Parse(location)
		if err != nil || status != http.StatusFound || back.Query().Get(want) == "" || back.Query().Get("state") != "s" {
			t.Errorf("%s: status %d to %q", decision, status, location)
		}
		form.Set("X-Uaa-Csrf", "x")
		if status, _, _ := b.post("/oauth/authorize", form); status != http.StatusForbidden {
			t.Errorf("%s without the cookie's text: status %d", decision, status)
		}
	}
}

func TestAuthorizationErrorsGoBackToTheClient(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	b := newBrowser(t, target)
	for query, want := range map[string]string{
		"response_type=token":                           "unsupported_response_type",
		"response_type=code&scope=no.such.scope":        "invalid_scope",
		"response_type=code&code_challenge=short":       "invalid_request",
		"response_type=code&code_challenge_method=S512": "invalid_request",
	} {
		_, location, _ := b.get("/oauth/authorize?client_id=pks_cli&redirect_uri=" + url.QueryEscape(redirect) + "&" + query)
		back, err := url.Parse(location)
		if err != nil || !strings.HasPrefix(location, redirect) || back.Query().Get("error") != want {
			t.Errorf("%s: sent to %q", query, location)
		}
	}
	for _, query := range []string{"client_id=nobody", "client_id=pks_client", "client_id=pks_cli&redirect_uri=https://evil.example.com/"} {
		if status, location, _ := b.get("/oauth/authorize?response_type=code&" + query); location != "" || status < 400 {
			t.Errorf("%s: status %d to %q", query, status, location)
		}
	}
}
