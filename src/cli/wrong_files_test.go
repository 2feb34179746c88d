//go:build !windows

package cli_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outcome is what a pks left behind.
type outcome struct {
	exit           int
	stdout, stderr string
}

// piped runs a pks whose home is dir/pks, without a terminal. env comes on top.
func piped(t *testing.T, dir string, env []string, args ...string) outcome {
	t.Helper()
	var stdout bytes.Buffer
	o := pipedTo(t, &stdout, dir, env, args...)
	o.stdout = stdout.String()
	return o
}

func pipedTo(t *testing.T, stdout io.Writer, dir string, env []string, args ...string) outcome {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Args = append([]string{"pks"}, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PKS_HOME="+dir+"/pks", "HOME="+dir, "KUBECONFIG="+dir+"/kubeconfig", "TZ=UTC", "GORACE=atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, env...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	err := cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	return outcome{exit: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
}

// isOneClearMessage wants an error in one line and at most two of help, with the
// words in it.
func (o outcome) isOneClearMessage(t *testing.T, exit int, words ...string) {
	t.Helper()
	if o.exit != exit {
		t.Errorf("the exit code is %d, want %d", o.exit, exit)
	}
	if !strings.HasPrefix(o.stderr, "Error: ") || strings.Count(o.stderr, "\n") > 3 || strings.Contains(o.stderr, "goroutine") || o.stdout != "" {
		t.Errorf("not one clear message: %s%s", o.stdout, o.stderr)
	}
	for _, word := range words {
		if !strings.Contains(o.stderr, word) {
			t.Errorf("%q is not in the message: %s", word, o.stderr)
		}
	}
}

// Each file that pks is given, wrong in each way that a file can be.
func TestWrongFilesAreOneClearMessage(t *testing.T) {
	t.Parallel()
	w, dir := loggedIn(t)
	w.mu.Lock()
	w.add("demo", 3)
	w.mu.Unlock()
	const nobody = "PKS_TEST_NOBODY=1"
	for name, command := range map[string]struct {
		file string // as the command line calls it
		args []string
		// exit codes for a file that is missing, is empty, is no YAML or JSON, and has
		// a key that nobody knows; 0: that is no mistake, or the server's to judge
		missing, empty, garbage, unknown int
	}{
		"ca":          {"ca.crt", []string{"login", "-a", w.api.URL, "-u", "alana", "-p", "x", "--ca-cert", "ca.crt"}, 1, 1, 1, 1},
		"config":      {"c.yml", []string{"update-cluster", "demo", "--config-file", "c.yml", "--non-interactive"}, 1, 2, 2, 2},
		"config json": {"c.json", []string{"create-cluster", "new", "-e", "new.test", "-p", "small", "--config-file", "c.json"}, 1, 2, 2, 2},
		"description": {"d.yml", []string{"apply", "-f", "d.yml", "--non-interactive"}, 1, 2, 2, 2},
		"registries":  {"r.yml", []string{"update-cluster", "demo", "--private-registries", "r.yml", "--non-interactive"}, 1, 2, 2, 2},
		"network":     {"n.json", []string{"create-network-profile", "n.json"}, 1, 2, 2, 0},
		"compute":     {"m.json", []string{"create-compute-profile", "m.json"}, 1, 2, 2, 0},
		"kubernetes":  {"k.json", []string{"create-kubernetes-profile", "k.json"}, 1, 2, 2, 0},
		"kubeconfig":  {"kubeconfig", []string{"get-credentials", "demo"}, 0, 0, 1, 0},
		"session":     {"pks/creds.yml", []string{"plans"}, 0, 4, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for fault, put := range map[string]struct {
				exit int
				make func(path string) error
			}{
				"missing":       {command.missing, func(string) error { return nil }},
				"a directory":   {1, func(path string) error { return os.MkdirAll(path, 0o755) }},
				"no permission": {1, func(path string) error { return os.WriteFile(path, []byte("x"), 0) }},
				"empty":         {command.empty, func(path string) error { return os.WriteFile(path, nil, 0o644) }},
				"no YAML":       {command.garbage, func(path string) error { return os.WriteFile(path, []byte("\x00{{: ["), 0o644) }},
				"unknown key":   {command.unknown, func(path string) error { return os.WriteFile(path, []byte(`{"name":"demo","nosuchkey":1}`), 0o644) }},
			} {
				if put.exit == 0 {
					continue
				}
				t.Run(fault, func(t *testing.T) {
					here := t.TempDir()
					if err := os.MkdirAll(filepath.Join(here, "pks"), 0o755); err != nil {
						t.Fatal(err)
					}
					session, err := os.ReadFile(filepath.Join(dir, "pks", "creds.yml"))
					if err != nil {
						t.Fatal(err)
					}
					path := filepath.Join(here, command.file)
					if command.file != "pks/creds.yml" {
						if err := os.WriteFile(filepath.Join(here, "pks", "creds.yml"), session, 0o644); err != nil {
							t.Fatal(err)
						}
					}
					if err := put.make(path); err != nil {
						t.Fatal(err)
					}
					var env []string
					if fault == "no permission" && os.Getuid() == 0 {
						env = append(env, nobody)
						if err := errors.Join(os.Chmod(here, 0o755), os.Chmod(filepath.Dir(here), 0o755)); err != nil {
							t.Fatal(err)
						}
					}
					got := piped(t, here, env, command.args...)
					got.stdout = strings.TrimPrefix(got.stdout, "Fetching credentials for cluster demo.\n")
					words := []string{filepath.Base(command.file)}
					if put.exit == 4 {
						words = nil // there is no session, which is all there is to say
					}
					got.isOneClearMessage(t, put.exit, words...)
				})
			}
		})
	}
}
