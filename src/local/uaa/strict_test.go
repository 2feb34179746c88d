package uaa_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/uaa/uaatest"
)

func ask(t *testing.T, target uaatest.Target, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := trusting(t, target).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestTokenEndpointIsStrict(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	login := url.Values{"grant_type": {"password"}, "client_id": {"pks_cli"}, "client_secret": {""}, "username": {"alana"}, "password": {"alana-password"}}
	with := func(name string, values ...string) string {
		form := url.Values{}
		for k, v := range login {
			form[k] = v
		}
		form[name] = values
		return form.Encode()
	}
	without := func(name string) string {
		form := url.Values{}
		for k, v := range login {
			if k != name {
				form[k] = v
			}
		}
		return form.Encode()
	}
	const kind = "application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		method, path, body, kind string
		status                   int
		code                     string
	}{
		"good":                        {"POST", "/oauth/token", login.Encode(), kind, 200, "access_token"},
		"good, with a charset":        {"POST", "/oauth/token", login.Encode(), kind + ";charset=utf-8", 200, "access_token"},
		"good, with a hint":           {"POST", "/oauth/token", with("login_hint", `%7B%22origin%22%3A%22uaa%22%7D`), kind, 200, "access_token"},
		"GET":                         {"GET", "/oauth/token?" + login.Encode(), "", "", 405, "method_not_allowed"},
		"PUT":                         {"PUT", "/oauth/token", login.Encode(), kind, 405, "method_not_allowed"},
		"query on POST":               {"POST", "/oauth/token?" + login.Encode(), "", kind, 406, "query_string_not_allowed"},
		"JSON":                        {"POST", "/oauth/token", "{}", "application/json", 415, "unsupported_media_type"},
		"parameter twice":             {"POST", "/oauth/token", with("scope", "a", "b"), kind, 400, "invalid_request"},
		"no grant":                    {"POST", "/oauth/token", without("grant_type"), kind, 400, "invalid_request"},
		"unknown grant":               {"POST", "/oauth/token", with("grant_type", "magic"), kind, 400, "unsupported_grant_type"},
		"grant of other clients":      {"POST", "/oauth/token", with("grant_type", "client_credentials"), kind, 401, "unauthorized_client"},
		"unknown format":              {"POST", "/oauth/token", with("token_format", "paper"), kind, 400, "invalid_request"},
		"scope of other clients":      {"POST", "/oauth/token", with("scope", "uaa.admin"), kind, 400, "invalid_scope"},
		"one scope of other clients":  {"POST", "/oauth/token", with("scope", "pks.clusters.admin uaa.admin"), kind, 400, "uaa.admin is invalid"},
		"scope the user lacks":        {"POST", "/oauth/token", with("scope", "pks.clusters.manage"), kind, 400, "invalid_scope"},
		"another identity provider":   {"POST", "/oauth/token", with("login_hint", `{"origin":"ldap"}`), kind, 401, "unauthorized"},
		"secret left out":             {"POST", "/oauth/token", without("client_secret"), kind, 401, "invalid_client"},
		"client left out":             {"POST", "/oauth/token", without("client_id"), kind, 401, "unauthorized"},
		"empty password":              {"POST", "/oauth/token", with("password", ""), kind, 401, "invalid_client"},
		"empty passcode":              {"POST", "/oauth/token", with("passcode", ""), kind, 401, "Passcode information is missing."},
		"empty code grant":            {"POST", "/oauth/token", with("grant_type", "authorization_code"), kind, 400, "invalid_request"},
		"no refresh token":            {"POST", "/oauth/token", with("grant_type", "refresh_token"), kind, 400, "invalid_request"},
		"body too large":              {"POST", "/oauth/token", with("x", strings.Repeat("x", 1<<20)), kind, 400, "invalid_request"},
		"unknown path":                {"GET", "/nothing", "", "", 404, "not_found"},
		"check_token without a token": {"POST", "/check_token", "", kind, 401, "unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := ask(t, target, test.method, test.path, test.body, "Content-Type", test.kind)
			if status != test.status || !strings.Contains(body, test.code) {
				t.Fatalf("status is %d, body %s; want %d %s", status, body, test.status, test.code)
			}
		})
	}
}

func TestOtherZonesDoNotExist(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	for header, want := range map[string]int{"": 200, "uaa": 200, "other": 404} {
		if status, body := ask(t, target, "GET", "/info", "", "X-Identity-Zone-Id", header); status != want {
			t.Errorf("zone %q: status %d, body %s", header, status, body)
		}
	}
}

func TestBasicPartsAreDecoded(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	for name, header := range map[string]string{
		"not Basic":      "Digest x",
		"not base64":     "Basic ***",
		"no colon":       "Basic YWJj",
		"bad percent":    "Basic JXp6OngK",
		"another client": "Basic YWRtaW46eA==",
	} {
		status, body := ask(t, target, "POST", "/oauth/token", "grant_type=password&client_id=pks_cli",
			"Content-Type", "application/x-www-form-urlencoded", "Authorization", header)
		if status != 401 || !strings.Contains(body, "invalid_client") {
			t.Errorf("%s: status %d, body %s", name, status, body)
		}
	}
}

func TestOlderErrorCodeCanBeChosen(t *testing.T) {
	t.Parallel()
	_, target := start(t, func(c *uaa.Config) { c.LegacyErrorCodes = true })
	status, body := ask(t, target, "POST", "/oauth/token", "grant_type=password&client_id=pks_cli&client_secret=&username=alana&password=wrong",
		"Content-Type", "application/x-www-form-urlencoded")
	if status != 401 || !strings.Contains(body, `"unauthorized"`) {
		t.Errorf("status %d, body %s", status, body)
	}
}
