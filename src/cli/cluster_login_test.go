package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	localuaa "github.com/pks-community/pks-release/src/local/uaa"
)

// withPeople is a site whose API has the cluster demo, to which people log in at
// the issuer given; empty: its UAA.
func withPeople(t *testing.T, issuer string, change ...func(*localuaa.Config)) *ssoSite {
	t.Helper()
	s := newSSOSite(t, change...)
	if issuer == "" {
		issuer = s.uaa.URL + "/oauth/token"
	}
	s.handle = func(res http.ResponseWriter, req *http.Request) {
		user := strings.TrimPrefix(req.URL.Path, "/v1/clusters/demo/binds/")
		switch {
		case req.Method == http.MethodPost && req.URL.Path == "/v1/clusters/demo/binds":
			user = "alana"
			res.WriteHeader(http.StatusCreated)
		case req.URL.Path == "/v1/clusters/plain/binds/nobody":
			_, _ = fmt.Fprint(res, `{"apiVersion":"v1","kind":"Config","current-context":"d","contexts":[{"name":"d","context":{"cluster":"d","user":"u"}}],`+
				`"clusters":[{"name":"d","cluster":{"server":"https://d"}}],"users":[{"name":"u","user":{"token":"t"}}]}`)
			return
		case req.Method != http.MethodGet || user == req.URL.Path || req.URL.RawQuery != "suppressClusterRoleBinding=true":
			res.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(res, `{"body":"Cluster not found"}`)
			return
		}
		_ = json.NewEncoder(res).Encode(map[string]any{
			"apiVersion": "v1", "kind": "Config", "current-context": "demo",
			"contexts": []any{map[string]any{"name": "demo", "context": map[string]string{"cluster": "demo", "user": user}}},
			"clusters": []any{map[string]any{"name": "demo", "cluster": map[string]string{"server": "https://demo.example.com:8443"}}},
			"users": []any{map[string]any{"name": user, "user": map[string]any{"auth-provider": map[string]any{"name": "oidc", "config": map[string]string{
				"client-id": "pks_cluster_client", "client-secret": "", "cluster_client_secret": "", "id-token": "", "idp-issuer-url": issuer, "refresh-token": "",
			}}}}},
		})
	}
	return s
}

func (s *ssoSite) login() {
	s.t.Helper()
	s.run(nil, 0, "login", "-a", s.api.URL, "-u", "alana", "-p", "pa55 wörd", "-k")
}

func (s *ssoSite) kubeconfig() *api.Config {
	s.t.Helper()
	config, err := clientcmd.LoadFromFile(filepath.Join(s.dir, "config"))
	if err != nil {
		s.t.Fatal(err)
	}
	return config
}

func (s *ssoSite) wantNoKubeconfig() {
	s.t.Helper()
	if _, err := os.Stat(filepath.Join(s.dir, "config")); err == nil {
		s.t.Error("a kubeconfig was written")
	}
}

// wantTokens wants the user's entry to be what kubectl logs in with.
func (s *ssoSite) wantTokens(user string) {
	s.t.Helper()
	info := s.kubeconfig().AuthInfos[user]
	if info == nil || info.AuthProvider == nil {
		s.t.Fatalf("there is no user %s", user)
	}
	config := info.AuthProvider.Config
	for _, token := range []string{"id-token", "refresh-token"} {
		if strings.Count(config[token], ".") != 2 {
			s.t.Errorf("%s is %q", token, config[token])
		}
		config[token] = ""
	}
	want := map[string]string{
		"client-id": "pks_cluster_client", "client-secret": "", "cluster_client_secret": "", "id-token": "",
		"idp-issuer-url": s.uaa.URL + "/oauth/token", "refresh-token": "",
	}
	if diff := cmp.Diff(want, config); diff != "" {
		s.t.Error(diff)
	}
}

func TestGetCredentialsLogsInToTheCluster(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  string
		args []string
	}{
		"password of the environment":             {"PKS_USER_PASSWORD", nil},
		"password of the environment, later name": {"TKGI_USER_PASSWORD", nil},
		"browser": {"", []string{"--sso-auto"}},
	} {
		s := withPeople(t, "")
		s.login()
		if c.env != "" {
			s.env[c.env] = "pa55 wörd"
		}
		out := s.run(s.alana, 0, append([]string{"get-credentials", "demo"}, c.args...)...)
		if !strings.HasPrefix(out, "Fetching credentials for cluster demo.\n") || !strings.Contains(out, "Context set for cluster demo.\n") {
			t.Errorf("%s: it says\n%s", name, out)
		}
		s.wantTokens("alana")
		if got := s.kubeconfig().CurrentContext; got != "demo" {
			t.Errorf("%s: the current context is %s", name, got)
		}
	}
}

func TestGetCredentialsWithoutALoginToTheCluster(t *testing.T) {
	t.Parallel()
	s := withPeople(t, "")
	s.login()
	if out := s.run(nil, 2, "get-credentials", "demo"); !strings.Contains(out, "The cluster wants alana to log in: set PKS_USER_PASSWORD, or give --sso-passcode or --sso-auto") {
		t.Errorf("it says\n%s", out)
	}
	s.env["PKS_USER_PASSWORD"] = "wrong"
	if out := s.run(nil, 4, "get-credentials", "demo"); !strings.Contains(out, "Credentials were rejected, please try again.") {
		t.Errorf("it says\n%s", out)
	}
	s.run(nil, 4, "get-credentials", "demo", "--sso-passcode", "wrong")
	s.run(nil, 2, "get-credentials", "demo", "--sso-passcode", "")
	another := func(page string) error { return s.somebody(page, "nobody", "x") }
	if out := s.run(another, 4, "get-credentials", "demo", "--sso-auto"); !strings.Contains(out, "The credentials are for alana, but nobody has logged in.") {
		t.Errorf("it says\n%s", out)
	}
	s.wantNoKubeconfig()
}

func TestClustersOfAnotherProvider(t *testing.T) {
	t.Parallel()
	s := withPeople(t, "https://idp.example.com")
	s.login()
	s.env["PKS_USER_PASSWORD"] = "pa55 wörd"
	out := s.run(nil, 1, "get-credentials", "demo", "--exec")
	if !strings.Contains(out, "People log in to the cluster at https://idp.example.com, which is not the UAA of PKS.") {
		t.Errorf("it says\n%s", out)
	}
	s.wantNoKubeconfig()
	out = s.run(nil, 0, "get-credentials", "demo")
	if !strings.Contains(out, "Log in at https://idp.example.com and put the tokens of user alana into the kubeconfig: it has none.\n") {
		t.Errorf("it says\n%s", out)
	}
	if got := s.kubeconfig().AuthInfos["alana"].AuthProvider.Config["id-token"]; got != "" {
		t.Error("the password was shown to a provider that it is not for")
	}
}

func TestCredentialProgramRenewsTheLoginToTheCluster(t *testing.T) {
	t.Parallel()
	s := withPeople(t, "", func(c *localuaa.Config) {
		for i := range c.Clients {
			c.Clients[i].AccessTokenValidity = 20 * time.Second // always about to expire
		}
	})
	s.login()
	s.env["PKS_USER_PASSWORD"] = "pa55 wörd"
	s.run(nil, 0, "get-credentials", "demo", "--exec")
	delete(s.env, "PKS_USER_PASSWORD")
	if user := s.kubeconfig().AuthInfos["alana"]; user.AuthProvider != nil || user.Exec == nil {
		t.Errorf("the kubeconfig has %+v", user)
	}
	seen := map[string]bool{}
	for range 3 {
		var document struct{ Status struct{ Token string } }
		if err := json.Unmarshal([]byte(s.run(nil, 0, "credential", "demo")), &document); err != nil || strings.Count(document.Status.Token, ".") != 2 {
			t.Fatalf("%v", err)
		}
		seen[document.Status.Token] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d different tokens", len(seen))
	}
}

func TestCredentialProgramCannotAsk(t *testing.T) {
	t.Parallel()
	s := withPeople(t, "", func(c *localuaa.Config) {
		for i := range c.Clients {
			if c.Clients[i].ID == "pks_cluster_client" {
				c.Clients[i].AccessTokenValidity, c.Clients[i].RefreshTokenValidity = time.Second, time.Second
			}
		}
	})
	s.login()
	s.env["PKS_USER_PASSWORD"] = "pa55 wörd"
	want := "Error: The login to cluster demo has ended.\nLog in again with 'pks get-credentials demo --exec'.\n"
	if out := s.run(nil, 4, "credential", "demo"); out != want {
		t.Errorf("never logged in: it says\n%s", out)
	}
	s.run(nil, 0, "get-credentials", "demo", "--exec")
	if err := os.RemoveAll(filepath.Join(s.dir, "pks", "credentials")); err != nil {
		t.Fatal(err)
	}
	if out := s.run(nil, 4, "credential", "demo"); out != want {
		t.Errorf("forgotten: it says\n%s", out)
	}
}

func TestGetKubeconfigNeedsNoRightInPKS(t *testing.T) {
	t.Parallel()
	s := withPeople(t, "")
	out := s.run(nil, 0, "get-kubeconfig", "demo", "-a", s.api.URL, "-u", "nobody", "-p", "x", "-k")
	if !strings.Contains(out, "Context set for cluster demo.\n") {
		t.Errorf("it says\n%s", out)
	}
	s.wantTokens("nobody")
	if _, err := os.Stat(filepath.Join(s.dir, "pks", "creds.yml")); err == nil {
		t.Error("it has logged in to PKS")
	}
	nobody := func(page string) error { return s.somebody(page, "nobody", "x") }
	s.run(nobody, 0, "get-kubeconfig", "demo", "-a", s.api.URL, "--sso-auto", "-k")
	s.wantTokens("nobody")
}

func TestGetKubeconfigComesToNothing(t *testing.T) {
	t.Parallel()
	s := withPeople(t, "")
	at := func(more ...string) []string {
		return append([]string{"get-kubeconfig", "demo", "-a", s.api.URL, "-k"}, more...)
	}
	s.run(nil, 4, at("-u", "nobody", "-p", "wrong")...)
	s.run(nil, 2, at("-u", "nobody")...)
	s.run(nil, 2, at("-u", "nobody", "--sso-auto")...)
	s.run(nil, 2, "get-kubeconfig", "demo", "-u", "nobody", "-p", "x")
	s.run(nil, 3, "get-kubeconfig", "nosuch", "-a", s.api.URL, "-k", "-u", "nobody", "-p", "x")
	if out := s.run(nil, 1, "get-kubeconfig", "plain", "-a", s.api.URL, "-k", "-u", "nobody", "-p", "x"); !strings.Contains(out, "People cannot log in to the cluster.") {
		t.Errorf("it says\n%s", out)
	}
	s.wantNoKubeconfig()
	foreign := withPeople(t, "https://idp.example.com")
	foreign.run(nil, 1, "get-kubeconfig", "demo", "-a", foreign.api.URL, "-k", "-u", "nobody", "-p", "x")
	foreign.wantNoKubeconfig()
}
