package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func noEnv(string) string { return "" }

func env(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestAnswerNamesPodNodeAndVersion(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(handler(t.Context(), env(map[string]string{"POD_NAME": "web-1", "NODE_NAME": "worker-0", "VERSION": "2"})))
	defer server.Close()
	var out bytes.Buffer
	if code := run(t.Context(), []string{"get", server.URL}, noEnv, &out, io.Discard); code != 0 || out.String() != "Hello from pod web-1 on node worker-0, version 2\n" {
		t.Errorf("%d: %s", code, out.String())
	}
}

func TestGetFailsUnlessTheAnswerIsGood(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	var errOut bytes.Buffer
	if code := run(t.Context(), []string{"get", server.URL}, noEnv, io.Discard, &errOut); code != 1 || !strings.Contains(errOut.String(), "404 Not Found") {
		t.Errorf("%d: %s", code, errOut.String())
	}
	server.Close()
	if code := run(t.Context(), []string{"get", server.URL}, noEnv, io.Discard, io.Discard); code != 1 {
		t.Errorf("nobody listens: %d", code)
	}
}

func TestAServerToldToEndIsNotReadyButServes(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	server := httptest.NewServer(handler(ctx, noEnv))
	defer server.Close()
	status := func(path string) (int, bool) {
		response, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode, response.Close
	}
	if code, closes := status("/readyz"); code != 200 || closes {
		t.Errorf("before: %d, closes %t", code, closes)
	}
	end()
	if code, _ := status("/readyz"); code != 503 {
		t.Errorf("readyz after: %d", code)
	}
	for _, path := range []string{"/", "/healthz"} {
		if code, closes := status(path); code != 200 || !closes {
			t.Errorf("%s after: %d, closes %t", path, code, closes)
		}
	}
}

func TestServeEndsAfterItsDelay(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	end()
	began := time.Now()
	err := serve(ctx, env(map[string]string{"PORT": "0", "SHUTDOWN_DELAY": "50ms"}), io.Discard)
	if err != nil || time.Since(began) < 50*time.Millisecond {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	if err := serve(t.Context(), env(map[string]string{"SHUTDOWN_DELAY": "soon"}), io.Discard); err == nil || !strings.Contains(err.Error(), "SHUTDOWN_DELAY") {
		t.Errorf("a wrong delay: %v", err)
	}
}

func TestFilesAndNamesWithoutAShell(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "note")
	var out bytes.Buffer
	for _, args := range [][]string{{"write", file, "kept"}, {"read", file}, {"resolve", "127.0.0.1"}, {"env", "NAME"}, {"version"}} {
		if code := run(t.Context(), args, env(map[string]string{"NAME": "value"}), &out, io.Discard); code != 0 {
			t.Errorf("%v: %d", args, code)
		}
	}
	if want := "kept\n127.0.0.1\nvalue\nhello 1.0.0\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if code := run(t.Context(), []string{"read", file + "2"}, noEnv, io.Discard, io.Discard); code != 1 {
		t.Errorf("a file that is not there: %d", code)
	}
	if code := run(t.Context(), []string{"get"}, noEnv, io.Discard, io.Discard); code != 2 {
		t.Errorf("wrong usage: %d", code)
	}
}
