package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/cli"
	localuaa "github.com/pks-community/pks-release/src/local/uaa"
)

// The stand-in UAA, which is as strict as a real one: each kind of login, and the
// renewal of a token, as its grants and clients have them.
func TestLoginAtTheEmbeddedUAA(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	t.Cleanup(server.Close)
	clients := localuaa.DefaultClients(localuaa.Secrets{Admin: "adm1n", PKSClient: "s3cret"})
	clients = append(clients, localuaa.Client{
		ID: "ci-bot", Secret: "b0t&?%", GrantTypes: []string{"client_credentials"}, Authorities: []string{"pks.clusters.admin"},
		AccessTokenValidity: time.Minute,
	})
	for i := range clients {
		if clients[i].ID == "pks_cli" {
			clients[i].AccessTokenValidity = 20 * time.Second // always about to expire
		}
	}
	uaa, err := localuaa.New(localuaa.Config{
		Dir: filepath.Join(dir, "uaa"), BaseURL: server.URL, Clients: clients, Groups: localuaa.DefaultGroups(),
		Users: []localuaa.User{
			{Name: "alana", Password: "pa55 wörd", Groups: []string{"pks.clusters.admin"}},
			{Name: "nobody", Password: "x"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = uaa.Close() })
	server.Config.Handler = uaa.Handler()

	var bearer string
	api := httptest.NewTLSServer(http.HandlerFunc(func(res http.ResponseWriter, req *http.Request) {
		res.Header().Set("Content-Type", "application/json")
		if req.URL.Path == "/actuator/info" {
			_ = json.NewEncoder(res).Encode(map[string]any{"uaa": map[string]string{"url": server.URL}})
			return
		}
		bearer = req.Header.Get("Authorization")
		_, _ = fmt.Fprint(res, "[]")
	}))
	t.Cleanup(api.Close)

	run := func(wantExit int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		exit := cli.Run(t.Context(), args, cli.System{Name: "pks", In: strings.NewReader(""), Out: &out, Err: &out, Getenv: func(name string) string {
			return map[string]string{"PKS_HOME": filepath.Join(dir, "pks")}[name]
		}})
		if exit != wantExit {
			t.Errorf("pks %v ends in %d, want %d:\n%s", args, exit, wantExit, out.String())
		}
		return out.String()
	}
	creds := func() string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(dir, "pks", "creds.yml"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}

	run(4, "login", "-a", api.URL, "-u", "alana", "-p", "wrong", "-k")
	if got := run(4, "login", "-a", api.URL, "-u", "nobody", "-p", "x", "-k"); !strings.Contains(got, "give no right to use PKS") {
		t.Errorf("it says %q", got)
	}
	run(4, "login", "-a", api.URL, "--client-name", "ci-bot", "--client-secret", "wrong", "-k")
	run(4, "login", "-a", api.URL, "--client-name", "pks_cli", "--client-secret", "", "-k")

	run(0, "login", "-a", api.URL, "-u", "alana", "-p", "pa55 wörd", "-k")
	before := creds()
	run(0, "clusters")
	if creds() == before || !strings.Contains(creds(), strings.TrimPrefix(bearer, "Bearer ")) || bearer == "" {
		t.Error("the token was not renewed before it was used")
	}

	run(0, "login", "-a", api.URL, "--client-name", "ci-bot", "--client-secret", "b0t&?%", "-k")
	run(0, "clusters")
}
