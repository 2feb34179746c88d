package broker

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHealthcheckAsksTheBrokerOfTheConfiguration(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pks-broker.yml")
	text := fmt.Sprintf(`
broker: {port: %s, username: u, password: p, disable_cf_startup_checks: true}
bosh: {url: "https://127.0.0.1:1", authentication: {basic: {username: u, password: p}}}
service_adapter: {path: /bin/sh}
service_catalog: {id: s, service_name: pks}
`, port)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func() (int, string) {
		var stdout, stderr bytes.Buffer
		code := Run(t.Context(), []string{"-configFilePath", path, "-healthcheck"}, "1.2.3", &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	if code, said := check(); code != 0 {
		t.Errorf("%d %s", code, said)
	}
	server.Close()
	if code, said := check(); code != 1 || !strings.Contains(said, "connection refused") {
		t.Errorf("%d %s", code, said)
	}
}
