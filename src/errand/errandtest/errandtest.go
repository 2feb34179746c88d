// Package errandtest runs an errand as its program does, against an API and a UAA
// of the test's own.
package errandtest

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/errand"
)

// Secret is the client secret that the UAA takes; errands must not show it.
const Secret = "hunter2"

// Server is a UAA, and whatever else Handle says, on one address.
type Server struct {
	*httptest.Server
	CA string // PEM
}

// Serve starts a server. Requests but those for tokens go to handle, and count as
// unauthenticated unless they carry the token.
func Serve(t *testing.T, handle http.HandlerFunc) Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, secret, _ := r.BasicAuth(); secret != Secret {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"unauthorized","error_description":"Bad credentials"}`))
			return
		}
		_, _ = w.Write([]byte(`{"access_token":"good","token_type":"bearer","expires_in":600,"scope":"pks.clusters.admin","jti":"1"}`))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/actuator/info" && !strings.HasPrefix(r.URL.Path, "/mgmt/") && r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handle(w, r)
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return Server{server, string(ca)}
}

// Config is a configuration that works with the server; more is added to it.
func (s Server) Config(more map[string]any) map[string]any {
	config := map[string]any{
		"api":              map[string]any{"url": s.URL, "ca": s.CA},
		"uaa":              map[string]any{"url": s.URL, "ca": s.CA, "client_id": "errands", "client_secret": Secret},
		"polling_interval": "1ms",
		"outage_limit":     "200ms",
	}
	for key, value := range more {
		config[key] = value
	}
	return config
}

// Outcome is what a run left behind.
type Outcome struct {
	Code           int
	Stdout, Stderr string
}

// Run runs the errand with a configuration.
func Run(ctx context.Context, t *testing.T, e errand.Errand, config map[string]any, flags ...string) Outcome {
	t.Helper()
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := errand.Main(ctx, e, "1.2.3", append([]string{"-config", path}, flags...), &stdout, &stderr)
	if strings.Contains(stdout.String()+stderr.String(), Secret) {
		t.Errorf("the secret is shown:\n%s%s", &stdout, &stderr)
	}
	return Outcome{code, stdout.String(), stderr.String()}
}

// Want fails the test unless the code is as wanted and the output holds the words.
func (o Outcome) Want(t *testing.T, code int, words ...string) {
	t.Helper()
	if o.Code != code {
		t.Errorf("exit code %d, want %d", o.Code, code)
	}
	for _, w := range words {
		if !strings.Contains(o.Stdout+o.Stderr, w) {
			t.Errorf("%q is not told", w)
		}
	}
	if t.Failed() {
		t.Logf("%s%s", o.Stdout, o.Stderr)
	}
}

// Answer writes a JSON answer.
func Answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(fmt.Sprintf("the test's answer: %v", err))
	}
}

// Quiet is a journal whose lines are kept without their times.
func Quiet(name string) (*errand.Journal, func() []string) {
	var out bytes.Buffer
	return errand.NewJournal(name, &out, &out), func() []string {
		var lines []string
		for line := range strings.Lines(out.String()) {
			// "[name] 2006/01/02 15:04:05 text"
			if parts := strings.SplitN(strings.TrimSpace(line), " ", 4); len(parts) == 4 {
				lines = append(lines, parts[3])
			}
		}
		return lines
	}
}
