package healthcheck_test

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/healthcheck"
)

func certificateOf(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certificate.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWaitsUntilTheServerIsHealthy(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	certificate := certificateOf(t, server)
	if err := healthcheck.Await(t.Context(), server.URL, certificate, time.Minute); err != nil {
		t.Error(err)
	}
	if got := asked.Load(); got != 3 {
		t.Errorf("asked %d times", got)
	}
}

func TestGivesUpAtTheDeadline(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the database is away", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	err := healthcheck.Await(t.Context(), server.URL, "", 700*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: the database is away") {
		t.Error(err)
	}
}

func TestAsksOnceWithoutWaiting(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	if err := healthcheck.Await(t.Context(), server.URL, "", 0); err == nil || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
}

// Another program on the port is not the one that is asked for.
func TestAnotherCertificateIsRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{}
	server.StartTLS()
	defer server.Close()
	path := filepath.Join(t.TempDir(), "other.pem")
	other := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("other")})
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := healthcheck.Await(t.Context(), server.URL, path, 0); err == nil || !strings.Contains(err.Error(), "another certificate") {
		t.Error(err)
	}
}

func TestMissingCertificateIsNamed(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none.pem")
	if err := healthcheck.Await(t.Context(), "https://127.0.0.1:1", missing, 0); err == nil || !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := healthcheck.Await(t.Context(), "https://127.0.0.1:1", empty, 0); err == nil || !strings.Contains(err.Error(), "holds no PEM certificate") {
		t.Error(err)
	}
}

func TestAddressesAreReachedFromTheSameMachine(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"0.0.0.0:9021":   "https://127.0.0.1:9021/x",
		":9021":          "https://127.0.0.1:9021/x",
		"[::]:9021":      "https://[::1]:9021/x",
		"10.0.0.5:9021":  "https://10.0.0.5:9021/x",
		"localhost:9021": "https://localhost:9021/x",
	} {
		if got := healthcheck.URL("https", address, "/x"); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
