package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const jsonType = "application/json"

func create(name, host, plan, more string) string {
	return fmt.Sprintf(`{"name":%q,"plan_name":%q,"parameters":{"kubernetes_master_host":%q%s}}`, name, plan, host, more)
}

// Every bad request gets its documented status and a body that says what is
// wrong and what to do; nothing is stored and BOSH hears nothing.
func TestBadRequestsAreRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	for _, user := range []string{"admin", "developer"} {
		s.login(user, user)
	}
	s.must(s.pksAs("admin", "create-cluster", "taken", "-e", "taken.pks.local", "-p", "small", "--wait", "--non-interactive"))
	before := s.everything()

	admin, developer, viewer := s.token("admin"), s.token("developer"), s.token("viewer")
	f := newForge(s)
	good := create("new", "new.pks.local", "small", "")

	for _, c := range []struct {
		what   string
		req    request
		status int
		words  []string
	}{
		{"unknown plan", request{body: create("new", "new.pks.local", "gigantic", "")}, 400, []string{"gigantic", "small, medium, large, sso"}},
		{"duplicate name", request{body: create("taken", "new.pks.local", "small", "")}, 409, []string{"taken"}},
		{"duplicate host", request{body: create("new", "TAKEN.pks.local", "small", "")}, 409, []string{"host"}},
		{"name with &", request{body: create("a&b", "new.pks.local", "small", "")}, 400, []string{"name", "letters"}},
		{"name too long", request{body: create(strings.Repeat("x", 64), "new.pks.local", "small", "")}, 400, []string{"name", "63"}},
		{"no name", request{body: create("", "new.pks.local", "small", "")}, 400, []string{"name"}},
		{"host with underscore", request{body: create("new", "new_x.pks.local", "small", "")}, 400, []string{"kubernetes_master_host", "DNS"}},
		{"host with scheme", request{body: create("new", "https://new", "small", "")}, 400, []string{"kubernetes_master_host"}},
		{"missing host", request{body: `{"name":"new","plan_name":"small","parameters":{}}`}, 400, []string{"kubernetes_master_host"}},
		{"missing parameters", request{body: `{"name":"new","plan_name":"small"}`}, 400, []string{"parameters"}},
		{"0 workers", request{body: create("new", "new.pks.local", "small", `,"kubernetes_worker_instances":0`)}, 400, []string{"kubernetes_worker_instances", "1 to 10"}},
		{"-1 workers", request{body: create("new", "new.pks.local", "small", `,"kubernetes_worker_instances":-1`)}, 400, []string{"kubernetes_worker_instances"}},
		{"11 workers", request{body: create("new", "new.pks.local", "small", `,"kubernetes_worker_instances":11`)}, 400, []string{"kubernetes_worker_instances", "1 to 10"}},
		{"many workers", request{body: create("new", "new.pks.local", "small", `,"kubernetes_worker_instances":"many"`)}, 400, []string{"kubernetes_worker_instances"}},
		{"1.5 workers", request{body: create("new", "new.pks.local", "small", `,"kubernetes_worker_instances":1.5`)}, 400, []string{"kubernetes_worker_instances"}},
		{"resize to 0", request{method: "PATCH", path: "/v1/clusters/taken", body: `{"kubernetes_worker_instances":0}`}, 400, []string{"kubernetes_worker_instances"}},
		{"resize above the maximum", request{method: "PATCH", path: "/v1/clusters/taken", body: `{"kubernetes_worker_instances":11}`}, 400, []string{"1 to 10"}},
		{"empty update", request{method: "PATCH", path: "/v1/clusters/taken", body: `{}`}, 400, []string{"At least one of update parameters have to be specified."}},
		{"malformed JSON", request{body: `{"name":`}, 400, []string{"JSON"}},
		{"not an object", request{body: `[1]`}, 400, []string{"object"}},
		{"empty body", request{body: ``}, 400, []string{"JSON"}},
		{"wrong content type", request{body: good, contentType: "text/plain"}, 415, []string{"application/json"}},
		{"body over 1 MiB", request{body: create("new", "new.pks.local", "small", `,"x":"`+strings.Repeat("x", 1<<20)+`"`)}, 413, []string{"1 MiB"}},
		{"no token", request{body: good, token: "-"}, 401, []string{"error"}},
		{"garbage token", request{body: good, token: "garbage"}, 401, []string{"invalid_token"}},
		{"expired token", request{body: good, token: f.expired()}, 401, []string{"invalid_token"}},
		{"another issuer", request{body: good, token: f.rs256(map[string]any{"iss": "https://elsewhere:8443/oauth/token"})}, 401, []string{"invalid_token"}},
		{"another audience", request{body: good, token: f.rs256(map[string]any{"aud": []string{"cloud_controller"}})}, 401, []string{"invalid_token"}},
		{"alg none", request{body: good, token: f.none()}, 401, []string{"invalid_token"}},
		{"HS256 with the public key", request{body: good, token: f.hs256()}, 401, []string{"invalid_token"}},
		{"read-only user creates", request{body: good, token: viewer}, 403, []string{"privileges"}},
		{"other's cluster: read", request{method: "GET", path: "/v1/clusters/taken", token: developer}, 0, nil},
		{"other's cluster: update", request{method: "PATCH", path: "/v1/clusters/taken", token: developer, body: `{"kubernetes_worker_instances":1}`}, 0, nil},
		{"other's cluster: delete", request{method: "DELETE", path: "/v1/clusters/taken", token: developer}, 0, nil},
		{"other's cluster: credentials", request{method: "POST", path: "/v1/clusters/taken/binds", token: developer}, 0, nil},
		{"absent cluster", request{method: "GET", path: "/v1/clusters/absent"}, 404, []string{"Cluster absent not found"}},
		{"unknown path", request{method: "GET", path: "/v1/nothing"}, 404, []string{"Not Found"}},
		{"wrong method", request{method: "PUT", path: "/v1/plans", body: "{}"}, 405, []string{"Method Not Allowed"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			c.req.method = orElse(c.req.method, "POST")
			c.req.path = orElse(c.req.path, "/v1/clusters")
			c.req.contentType = orElse(c.req.contentType, jsonType)
			c.req.token = orElse(c.req.token, admin)
			if c.req.token == "-" {
				c.req.token = ""
			}
			if c.status == 0 { // somebody else's cluster
				c.status, c.words = foreignCluster, []string{"privileges"}
			}
			a := s.send(c.req)
			if a.status != c.status {
				t.Errorf("status %d, want %d: %s", a.status, c.status, a.body)
			}
			for _, w := range c.words {
				if !strings.Contains(a.body, w) {
					t.Errorf("%q is not in %s", w, a.body)
				}
			}
			var object map[string]any
			if err := json.Unmarshal([]byte(a.body), &object); err != nil {
				t.Errorf("the body is no JSON object: %s", a.body)
			}
			if a.status == http.StatusUnauthorized && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("WWW-Authenticate is %q", a.header.Get("WWW-Authenticate"))
			}
		})
	}
	if after := s.everything(); after != before {
		t.Errorf("something was stored:\n%s\nbefore:\n%s", after, before)
	}
}

// foreignCluster is the status for a cluster of somebody else
// (docs/decisions/004-foreign-clusters-are-403.md).
const foreignCluster = http.StatusForbidden

// everything is what pks and BOSH know.
func (s *stack) everything() string {
	s.t.Helper()
	clusters := s.send(request{method: "GET", path: "/v1/clusters", token: s.token("admin")})
	return clusters.body + "\n" + s.must(s.bosh("tasks", "--recent", "--json", "--column=id", "--column=description"))
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// What goes wrong at the command line is told in one message with the right exit
// code.
func TestCommandLineSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	password := s.secret("admin_password")
	login := func(home string, args ...string) result {
		return s.pksAs(home, append([]string{"login"}, args...)...)
	}

	s.refused(s.pksAs("new", "clusters"), 4, "Error: ", "log in")
	s.refused(login("new", "-a", s.apiURL(), "-u", "admin", "-p", "wrong", "--ca-cert", s.caFile()), 4, "Credentials were rejected, please try again.")
	s.refused(login("new", "-a", s.apiURL(), "-u", "admin", "-p", password), 1, "--ca-cert", "-k")
	other := filepath.Join(s.dir, "other-ca.pem")
	if err := os.WriteFile(other, []byte(otherCA(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.refused(login("new", "-a", s.apiURL(), "-u", "admin", "-p", password, "--ca-cert", other), 1, "certificate", "--ca-cert")
	s.refused(login("new", "-a", "https://127.0.0.1:1", "-u", "admin", "-p", password, "-k"), 1, "127.0.0.1:1")
	s.refused(login("new", "-a", s.apiURL(), "-u", "admin", "--ca-cert", s.caFile()), 2, "-p")

	s.login("admin", "admin")
	s.refused(s.pksAs("admin", "cluster", "absent"), 3, "Error: Cluster absent not found")
	s.refused(s.pksAs("admin", "create-cluster", "x", "-e", "x.pks.local", "-p", "gigantic"), 3, "gigantic", "small, medium, large")
	s.refused(s.pksAs("admin", "create-cluster", "x", "-p", "small"), 2, "--external-hostname")
	s.refused(s.pksAs("admin", "resize", "x", "-n", "many"), 2, "many")
	s.refused(s.pksAs("admin", "clutser"), 2, "clutser")

	// An expired access token is renewed without a word.
	f := newForge(s)
	creds := readCreds(t, s, "admin")
	creds["access_token"] = f.expired()
	writeCreds(t, s, "admin", creds)
	s.must(s.pksAs("admin", "clusters"))
	if renewed := readCreds(t, s, "admin"); renewed["access_token"] == creds["access_token"] {
		t.Error("the renewed token was not stored")
	}

	// With a refresh token that is no good any more, the user is told to log in.
	creds["refresh_token"] = "stale-r"
	writeCreds(t, s, "admin", creds)
	s.refused(s.pksAs("admin", "clusters"), 4, "You are not currently authenticated. Please log in to continue")

	s.login("admin", "admin")
	s.must(s.pksAs("admin", "logout"))
	s.refused(s.pksAs("admin", "clusters"), 4, "log in")
}

func credsPath(s *stack, home string) string { return filepath.Join(s.dir, home, "creds.yml") }

func readCreds(t *testing.T, s *stack, home string) map[string]any {
	t.Helper()
	info, err := os.Stat(credsPath(s, home))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("creds.yml has mode %v", info.Mode())
	}
	raw, err := os.ReadFile(credsPath(s, home))
	if err != nil {
		t.Fatal(err)
	}
	var creds map[string]any
	if err := yaml.Unmarshal(raw, &creds); err != nil {
		t.Fatal(err)
	}
	return creds
}

func writeCreds(t *testing.T, s *stack, home string, creds map[string]any) {
	t.Helper()
	raw, err := yaml.Marshal(creds)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(credsPath(s, home), raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
