package command

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/stack"
)

func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = Run(t.Context(), Build{"1.2.3", "abc"}, args, &out, &err)
	return out.String(), err.String(), code
}

func TestWrongUseExitsWith2AndNamesTheHelp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"up", "--no-such-flag"},
		{"up", "--ports-from", "x"},
		{"serve", "--poll-interval", "0s"},
		{"down", "now"},
		{"logs", "a", "b"},
		{"up", "--machines", "virtual"},
		{"up", "--isolation", "chroot"},
		{"bump", "--kubernetes", ""},
	} {
		_, stderr, code := run(t, append(args, "--data-dir", dir)...)
		if code != 2 || !strings.HasPrefix(stderr, "Error: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q", args, code, stderr)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	if out, _, code := run(t, "--version"); code != 0 || out != "pks-local version: 1.2.3 (abc)\n" {
		t.Errorf("%d %q", code, out)
	}
	out, _, code := run(t, "--help")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, verb := range []string{"up", "serve", "down", "status", "logs", "reset", "env", "bump", "kubernetes"} {
		if !strings.Contains(out, "\n  "+verb+" ") {
			t.Errorf("%s is not in the help:\n%s", verb, out)
		}
	}
}

// What env prints must mean the same to a shell, whatever is in the values.
func TestEnvIsQuotedForTheShell(t *testing.T) {
	t.Parallel()
	values := []string{"plain", "two words", `it's $HOME "and" \ more`, "`id`", "line\nbreak", ""}
	var script bytes.Buffer
	for i, v := range values {
		printEnv(&script, [][2]string{{"V" + string(rune('0'+i)), v}})
	}
	for i, want := range values {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script.String()+"\nprintf %s \"$V"+string(rune('0'+i))+"\"")
		got, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTailPrintsWhatIsNewAndNoticesAFreshFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.log")
	tl := &tail{path: path}
	next := func() string {
		t.Helper()
		text, err := tl.next()
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	write := func(text string, flags int) {
		t.Helper()
		f, err := os.OpenFile(path, flags|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	if got := next(); got != "" {
		t.Errorf("before there is a file: %q", got)
	}
	write("one\n", os.O_APPEND)
	write("two\n", os.O_APPEND)
	if got := next(); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
	write("three\n", os.O_APPEND)
	if got := next(); got != "three\n" {
		t.Errorf("got %q", got)
	}
	write("new\n", os.O_TRUNC)
	if got := next(); got != "new\n" {
		t.Errorf("after the file was begun anew: %q", got)
	}
}

func TestLogsOfAFolderThatNeverRan(t *testing.T) {
	t.Parallel()
	_, stderr, code := run(t, "logs", "--data-dir", t.TempDir())
	if code != 1 || !strings.Contains(stderr, "pks-local up") {
		t.Errorf("%d %q", code, stderr)
	}
}

func TestLogsFollowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "logs", "pks-api.log"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := &notifyingWriter{wrote: cancel}
	if code := Run(ctx, Build{}, []string{"logs", "-f", "pks-api", "--data-dir", dir}, out, &bytes.Buffer{}); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := out.String(); got != "hello\n" {
		t.Errorf("got %q", got)
	}
}

// notifyingWriter calls wrote after the first write.
type notifyingWriter struct {
	bytes.Buffer
	wrote func()
}

func (w *notifyingWriter) Write(p []byte) (int, error) {
	defer w.wrote()
	return w.Buffer.Write(p)
}

func TestKubernetesIsHandedOver(t *testing.T) {
	t.Parallel()
	if out, _, code := run(t, "kubernetes", "--help"); code != 0 || !strings.Contains(out, "pks-local kubernetes build") {
		t.Errorf("%d %q", code, out)
	}
	if _, stderr, code := run(t, "kubernetes", "paint"); code != 2 || strings.Contains(stderr, "Error: exit code") {
		t.Errorf("%d %q", code, stderr)
	}
}

func TestARunningStackIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	running := stack.Instance{Settings: stack.Settings{Machines: stack.Process, Isolation: "root", Kubernetes: "1.36.3"}}
	for _, c := range []struct {
		flags  stackFlags
		remedy string
	}{
		{stackFlags{}, ""},
		{stackFlags{machines: "process", isolation: "root", kubernetes: "1.36.3"}, ""},
		{stackFlags{machines: "simulated"}, "pks-local down"},
		{stackFlags{isolation: "kwok"}, "pks-local down"},
		{stackFlags{kubernetes: "1.35.4"}, "pks-local bump --kubernetes 1.35.4"},
	} {
		err := c.flags.fit(running)
		if (err != nil) != (c.remedy != "") || err != nil && !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%+v: %v", c.flags, err)
		}
	}
}

func TestPeoplesCommandsAreNoPartsOfMachines(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"up"}, {"--version"}} {
		if _, part := Part(args); part {
			t.Errorf("%q is taken for a part of a machine", args)
		}
	}
	if code, part := Part([]string{"machine-part"}); !part || code == 0 {
		t.Errorf("a part without a role: %d, %v", code, part)
	}
}
