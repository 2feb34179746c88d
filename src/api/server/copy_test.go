package server_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/api/server"
)

// runOnce runs the program until it ends by itself.
func (s *site) runOnce(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = server.Run(t.Context(), server.Build{Version: "1.2.3"}, append([]string{"-config", s.config}, args...), &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

// replace changes the site's configuration.
func (s *site) replace(t *testing.T, old, changed string) {
	t.Helper()
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("the configuration has no %q", old)
	}
	s.write(t, filepath.Base(s.config), []byte(strings.ReplaceAll(string(text), old, changed)))
}

func TestBackupAndRestoreOfARunningAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	api := s.start(t)
	if status, body := api.call(t, "POST", "/v1/clusters", s.token(t), create); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	saved := filepath.Join(s.folder, "saved.db")
	if code, said := s.runOnce(t, "-backup", saved); code != 0 || !strings.Contains(said, "is backed up to "+saved) {
		t.Fatalf("%d %s", code, said)
	}
	later := strings.ReplaceAll(create, "demo", "later")
	if status, body := api.call(t, "POST", "/v1/clusters", s.token(t), later); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	if code, said := s.runOnce(t, "-restore", saved); code != 1 || !strings.Contains(said, "in use by another process") {
		t.Errorf("while it runs: %d %s", code, said)
	}
	api.stop()
	for _, name := range []string{"pks-api.db", "pks-api.db-wal", "pks-api.db-shm"} {
		if err := os.RemoveAll(filepath.Join(s.folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if code, said := s.runOnce(t, "-restore", saved); code != 0 {
		t.Fatalf("%d %s", code, said)
	}
	again := s.start(t)
	for name, want := range map[string]int{"demo": http.StatusOK, "later": http.StatusNotFound} {
		if status, body := again.call(t, "GET", "/v1/clusters/"+name, s.token(t), ""); status != want {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestBackupIsForSQLite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dsn := s.write(t, "dsn", []byte("postgres://localhost/pks"))
	s.replace(t, "driver: sqlite, path: "+s.folder+"/pks-api.db", "driver: postgres, dsn_file: "+dsn)
	if code, said := s.runOnce(t, "-backup", filepath.Join(s.folder, "saved.db")); code != 1 || !strings.Contains(said, "pg_dump") {
		t.Errorf("%d %s", code, said)
	}
}

func TestLockFileClosesTheAPIToChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.replace(t, "poll_interval: 100ms", "poll_interval: 100ms\nlock_file: "+s.folder+"/locked")
	api := s.start(t)
	lock := s.write(t, "locked", nil)
	if status, body := api.call(t, "POST", "/v1/clusters", s.token(t), create); status != http.StatusServiceUnavailable || !strings.Contains(body, "backup") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := api.call(t, "GET", "/v1/clusters", s.token(t), ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if status, body := api.call(t, "POST", "/v1/clusters", s.token(t), create); status != http.StatusAccepted {
		t.Errorf("%d %s", status, body)
	}
}

func TestHealthcheckAsksWhoRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	api := s.start(t)
	address := strings.TrimPrefix(api.url, "https://")
	s.replace(t, "listen: 127.0.0.1:0", "listen: "+address)
	if code, said := s.runOnce(t, "-healthcheck"); code != 0 {
		t.Errorf("%d %s", code, said)
	}
	api.stop()
	if code, said := s.runOnce(t, "-healthcheck", "-wait", "600ms"); code != 1 || !strings.Contains(said, "connection refused") {
		t.Errorf("%d %s", code, said)
	}
}
