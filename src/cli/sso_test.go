package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/cli"
	"github.com/pks-community/pks-release/src/cli/browser"
	localuaa "github.com/pks-community/pks-release/src/local/uaa"
)

// ssoSite is an API and the stand-in UAA, with a person and a browser.
type ssoSite struct {
	t        *testing.T
	dir      string
	ports    []int
	api, uaa *httptest.Server
	clients  *http.Client // of the person's browser

	bearer string // of the last request to the API
	handle http.HandlerFunc
	env    map[string]string
}

func newSSOSite(t *testing.T, change ...func(*localuaa.Config)) *ssoSite {
	t.Helper()
	s := &ssoSite{t: t, dir: t.TempDir(), env: map[string]string{}}
	for range 3 {
		s.ports = append(s.ports, unusedPort(t))
	}
	s.uaa = httptest.NewUnstartedServer(nil)
	s.uaa.StartTLS()
	t.Cleanup(s.uaa.Close)
	config := localuaa.Config{
		Dir: filepath.Join(s.dir, "uaa"), BaseURL: s.uaa.URL, Groups: localuaa.DefaultGroups(),
		Clients: localuaa.DefaultClients(localuaa.Secrets{Admin: "adm1n", PKSClient: "s3cret"}, browser.Redirects(s.ports...)...),
		Users: []localuaa.User{
			{Name: "alana", Password: "pa55 wörd", Groups: []string{"pks.clusters.admin"}},
			{Name: "nobody", Password: "x"},
		},
	}
	for _, f := range change {
		f(&config)
	}
	server, err := localuaa.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	s.uaa.Config.Handler = server.Handler()
	s.api = httptest.NewTLSServer(http.HandlerFunc(func(res http.ResponseWriter, req *http.Request) {
		res.Header().Set("Content-Type", "application/json")
		if req.URL.Path == "/actuator/info" {
			_ = json.NewEncoder(res).Encode(map[string]any{"uaa": map[string]string{"url": s.uaa.URL}})
			return
		}
		s.bearer = strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
		if s.handle != nil {
			s.handle(res, req)
			return
		}
		_, _ = fmt.Fprint(res, "[]")
	}))
	t.Cleanup(s.api.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.clients = &http.Client{Jar: jar, Transport: s.uaa.Client().Transport}
	return s
}

func unusedPort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// system is the command line's surroundings; person is what happens in the browser.
func (s *ssoSite) system(out io.Writer, person func(page string) error) cli.System {
	return cli.System{
		Name: "pks", In: strings.NewReader(""), Out: out, Err: out, OpenBrowser: person, RedirectPorts: s.ports,
		Getenv: func(name string) string {
			if value, ok := s.env[name]; ok {
				return value
			}
			return map[string]string{"PKS_HOME": filepath.Join(s.dir, "pks"), "HOME": s.dir, "KUBECONFIG": filepath.Join(s.dir, "config")}[name]
		},
	}
}

func (s *ssoSite) run(person func(string) error, wantExit int, args ...string) string {
	s.t.Helper()
	var out bytes.Buffer
	if exit := cli.Run(s.t.Context(), args, s.system(&out, person)); exit != wantExit {
		s.t.Errorf("pks %v ends in %d, want %d:\n%s", args, exit, wantExit, out.String())
	}
	return out.String()
}

// alana logs in at the page and follows wherever it leads.
func (s *ssoSite) alana(page string) error { return s.somebody(page, "alana", "pa55 wörd") }

func (s *ssoSite) somebody(page, name, password string) error {
	status, text, err := s.fetch(page, nil)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("page: status %d: %w", status, err)
	}
	form := url.Values{"username": {name}, "password": {password}}
	for _, m := range regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	status, text, err = s.fetch(s.uaa.URL+"/login.do", form)
	if err != nil || status != http.StatusOK || !strings.Contains(text, "go back to the terminal") {
		return fmt.Errorf("after the login: status %d, %s: %w", status, text, err)
	}
	return nil
}

func (s *ssoSite) fetch(address string, form url.Values) (status int, page string, err error) {
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := s.clients.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

// redirectOf is where the page's question wants the answer.
func redirectOf(page string) (address, state string) {
	parsed, err := url.Parse(page)
	if err != nil {
		return "", ""
	}
	return parsed.Query().Get("redirect_uri"), parsed.Query().Get("state")
}

func TestLoginWithABrowser(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t)
	out := s.run(s.alana, 0, "login", "-a", s.api.URL, "--sso-auto", "-k")
	for _, want := range []string{"\nUser: alana\n", "Login successful.\n", "open this page in one of this machine:\n" + s.uaa.URL + "/oauth/authorize?"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	s.run(nil, 0, "clusters")
	creds, err := os.ReadFile(filepath.Join(s.dir, "pks", "creds.yml"))
	if err != nil || s.bearer == "" || !strings.Contains(string(creds), s.bearer) || !strings.Contains(string(creds), "username: alana\n") {
		t.Errorf("creds.yml does not hold the login (%v)", err)
	}
}

func TestBrowserLoginComesToNothing(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t)
	login := []string{"login", "-a", s.api.URL, "--sso-auto", "-k", "--timeout", "1"}
	for name, c := range map[string]struct {
		person func(string) error
		exit   int
		says   string
	}{
		"refused by the person": {func(page string) error {
			address, state := redirectOf(page)
			_, _, err := s.fetch(address+"?error=access_denied&error_description=User+denied+access&state="+state, nil)
			return err
		}, 4, "Error: UAA refused the login: User denied access\n"},
		"a code that UAA does not know": {func(page string) error {
			address, state := redirectOf(page)
			_, _, err := s.fetch(address+"?code=forged&state="+state, nil)
			return err
		}, 4, "Error: Credentials were rejected, please try again.\n"},
		"an answer to another login": {func(page string) error {
			address, _ := redirectOf(page)
			status, _, err := s.fetch(address+"?code=c&state=other", nil)
			if status != http.StatusBadRequest {
				t.Errorf("it gets status %d", status)
			}
			return err
		}, 1, "Error: The browser sent no answer in time.\n"},
		"no browser, nobody to tell": {func(string) error { return browser.ErrNone }, 1, "Error: No browser can be started on this machine.\nName one in the environment variable BROWSER.\n"},
	} {
		if out := s.run(c.person, c.exit, login...); !strings.Contains(out, c.says) {
			t.Errorf("%s: it says\n%s", name, out)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "pks", "creds.yml")); err == nil {
		t.Error("a login that came to nothing was stored")
	}
}

func TestBrowserLoginTakesAnotherPort(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t)
	take := func(port int) {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
	}
	take(s.ports[0])
	s.run(s.alana, 0, "login", "-a", s.api.URL, "--sso-auto", "-k")
	take(s.ports[1])
	take(s.ports[2])
	out := s.run(nil, 1, "login", "-a", s.api.URL, "--sso-auto", "-k")
	if !strings.Contains(out, "The browser's answer cannot be received: none of the ports") {
		t.Errorf("it says\n%s", out)
	}
}

func TestBrowserLoginCanBeGivenUp(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	exit := cli.Run(ctx, []string{"login", "-a", s.api.URL, "--sso-auto", "-k"}, s.system(&out, func(string) error { cancel(); return nil }))
	if exit != 2 || !strings.HasSuffix(out.String(), "Cancelled.\n") {
		t.Errorf("it ends in %d:\n%s", exit, out.String())
	}
}

func TestBrowserLoginExcludesOthers(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t)
	for _, more := range [][]string{{"--sso"}, {"--sso-passcode", "x"}, {"-u", "alana"}, {"--client-name", "c"}} {
		s.run(nil, 2, append([]string{"login", "-a", s.api.URL, "--sso-auto", "-k"}, more...)...)
	}
}
