//go:build !windows

package cli_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// session is a pks that runs on a terminal of its own.
type session struct {
	t        *testing.T
	cmd      *exec.Cmd
	terminal *os.File
	chunks   chan []byte
	shown    bytes.Buffer
}

func newSession(t *testing.T, dir string, args ...string) *session {
	t.Helper()
	return newSizedSession(t, dir, &pty.Winsize{Rows: 24, Cols: 120}, args...)
}

func newSizedSession(t *testing.T, dir string, size *pty.Winsize, args ...string) *session {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Args = append([]string{"pks"}, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PKS_HOME="+dir+"/pks", "HOME="+dir, "TERM=xterm", "TZ=UTC", "NO_COLOR=", "GORACE=atexit_sleep_ms=0")
	terminal, err := pty.StartWithSize(cmd, size)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, cmd: cmd, terminal: terminal, chunks: make(chan []byte, 1000)}
	go func() {
		defer close(s.chunks)
		for {
			chunk := make([]byte, 4096)
			n, err := terminal.Read(chunk)
			if n > 0 {
				s.chunks <- chunk[:n]
			}
			if err != nil { // EIO: the process has ended
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = terminal.Close()
		for range s.chunks { // until the reader has ended
		}
	})
	return s
}

// await reads until the pattern shows.
func (s *session) await(pattern string) {
	s.t.Helper()
	form := regexp.MustCompile(pattern)
	late := time.After(30 * time.Second)
	for !form.Match(s.shown.Bytes()) {
		select {
		case chunk, ok := <-s.chunks:
			if !ok {
				s.t.Fatalf("the process ended before %q showed:\n%q", pattern, s.shown.String())
			}
			s.shown.Write(chunk)
		case <-late:
			shown := s.shown.Bytes()
			s.t.Fatalf("%q does not show; the end is\n%q", pattern, shown[max(0, len(shown)-500):])
		}
	}
}

func (s *session) send(text string) {
	s.t.Helper()
	if _, err := s.terminal.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// end reads to the end and wants the exit code.
func (s *session) end(code int) string {
	s.t.Helper()
	for chunk := range s.chunks {
		s.shown.Write(chunk)
	}
	err := s.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		s.t.Fatal(err)
	} else if ok && exit.ExitCode() != code || !ok && code != 0 {
		s.t.Errorf("it ended with %v, want exit code %d:\n%q", err, code, s.shown.String())
	}
	return s.shown.String()
}

const ctrlC = "\x03"

func start(t *testing.T) (*world, string) {
	t.Helper()
	dir := t.TempDir()
	w := newWorld(t, dir)
	t.Cleanup(w.close)
	return w, dir
}

func loggedIn(t *testing.T) (*world, string) {
	t.Helper()
	w, dir := start(t)
	newSession(t, dir, "login", "-a", w.api.URL, "-u", "alana", "-p", "pa55 wörd", "--ca-cert", "ca.pem").end(0)
	return w, dir
}

func TestPasscodeIsAskedFor(t *testing.T) {
	t.Parallel()
	w, dir := start(t)
	s := newSession(t, dir, "login", "-a", w.api.URL, "--sso", "--ca-cert", "ca.pem")
	s.await(`Get a one-time passcode at https://sso.example.com/passcode\r\nPasscode: `)
	s.send("0neT1me\n")
	shown := s.end(0)
	if strings.Contains(shown, "0neT1me") || !strings.Contains(shown, "User: sam\r\n") {
		t.Errorf("it shows %q", shown)
	}
}

func TestUpgradesShowAboveABarOnATerminal(t *testing.T) {
	t.Parallel()
	w, dir := loggedIn(t)
	w.mu.Lock()
	w.add("demo", 3)
	w.add("other", 3)
	w.mu.Unlock()
	shown := newSession(t, dir, "upgrade-clusters", "--canaries", "demo", "-c", "other", "--wait", "--non-interactive").end(0)
	for _, want := range []string{"Upgrading cluster succeeded: demo", "Finished upgrading cluster: other", "Upgrading clusters", " is done."} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q does not show in %q", want, shown)
		}
	}
}

func TestPasswordDoesNotShow(t *testing.T) {
	t.Parallel()
	w, dir := start(t)
	s := newSession(t, dir, "login", "-a", w.api.URL, "-u", "alana", "--ca-cert", "ca.pem")
	s.await(`Password: `)
	s.send("pa55 wörd\n")
	shown := s.end(0)
	if strings.Contains(shown, "pa55") || !strings.Contains(shown, "Password: ********\r\n") || !strings.Contains(shown, "Login successful.") {
		t.Errorf("it shows %q", shown)
	}
}

func TestInterruptAtThePasswordGivesTheTerminalBack(t *testing.T) {
	t.Parallel()
	w, dir := start(t)
	s := newSession(t, dir, "login", "-a", w.api.URL, "-u", "alana", "--ca-cert", "ca.pem")
	s.await(`Password: `)
	s.send(ctrlC)
	if shown := s.end(2); !strings.Contains(shown, "There was no answer; nothing is done.") {
		t.Errorf("it shows %q", shown)
	}
	if _, err := os.Stat(filepath.Join(dir, "pks", "creds.yml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("creds.yml was written: %v", err)
	}
}

func TestWrongPasswordIsRedOnATerminal(t *testing.T) {
	t.Parallel()
	w, dir := start(t)
	s := newSession(t, dir, "login", "-a", w.api.URL, "-u", "alana", "-p", "x", "--ca-cert", "ca.pem")
	if shown := s.end(4); shown != "\x1b[1;31mError:\x1b[0m Credentials were rejected, please try again.\r\n" {
		t.Errorf("it shows %q", shown)
	}
}

func TestWaitDrawsABarOnATerminal(t *testing.T) {
	t.Parallel()
	_, dir := loggedIn(t)
	s := newSession(t, dir, "create-cluster", "demo", "-e", "demo.example.com", "-p", "small", "--wait")
	shown := s.end(0)
	for _, want := range []string{"Creating cluster demo", "100 %", "✓ master/0  updated  00:01", "Last Action State:        succeeded"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q does not show in %q", want, shown)
		}
	}
	if strings.Contains(shown, "03:04:00") {
		t.Errorf("lines for logs show in %q", shown)
	}
}

func TestUpgradeOfManyDrawsATable(t *testing.T) {
	t.Parallel()
	w, dir := loggedIn(t)
	w.mu.Lock()
	w.add("demo", 3)
	w.add("other", 5)
	w.mu.Unlock()
	shown := newSession(t, dir, "upgrade-clusters", "--canaries", "demo", "-c", "other", "--wait", "--non-interactive").end(0)
	for _, want := range []string{
		"Started upgrading cluster: demo\r\n", "· other  queued", "▸ other  in progress", // while it goes on
		"✓ demo   succeeded (canary)  19:54\r\n  ✓ other  succeeded           19:54\r\n", "is done.\r\n",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q does not show in %q", want, shown)
		}
	}
}

func TestTerminalWithoutSizeGetsLines(t *testing.T) {
	t.Parallel()
	_, dir := loggedIn(t)
	s := newSizedSession(t, dir, &pty.Winsize{}, "create-cluster", "demo", "-e", "demo.example.com", "-p", "small", "--wait")
	if shown := s.end(0); !strings.Contains(shown, "03:04:00 Task 12 started (25 %)\r\n") {
		t.Errorf("it shows %q", shown)
	}
}

func TestInterruptDetaches(t *testing.T) {
	t.Parallel()
	w, dir := loggedIn(t)
	w.mu.Lock()
	w.stuck = true
	w.mu.Unlock()
	s := newSession(t, dir, "create-cluster", "demo", "-e", "demo.example.com", "-p", "small", "--wait")
	s.await(`(?s)50 %.*▸ master/0  updating`)
	s.send(ctrlC)
	shown := s.end(2)
	for _, want := range []string{"Stopped watching: the creation of cluster demo goes on.", "Attach again with 'pks watch demo'."} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q does not show in %q", want, shown)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.clusters["demo"] == nil {
		t.Error("the cluster is gone")
	}
}

func TestTerminationDetachesFromAPipeToo(t *testing.T) {
	t.Parallel()
	w, dir := loggedIn(t)
	w.mu.Lock()
	w.stuck = true
	w.mu.Unlock()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Args = []string{"pks", "create-cluster", "demo", "-e", "demo.example.com", "-p", "small", "--wait"}
	cmd.Env = append(os.Environ(), "PKS_HOME="+dir+"/pks", "TZ=UTC", "GORACE=atexit_sleep_ms=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-w.watched
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
		t.Errorf("it ended with %v", err)
	}
	if got := stderr.String(); !strings.Contains(got, "Stopped watching: the creation of cluster demo goes on.\n") || strings.Contains(got, "\x1b") {
		t.Errorf("it says %q", got)
	}
}

func TestJSONIsIndentedOnATerminalOnly(t *testing.T) {
	t.Parallel()
	_, dir := loggedIn(t)
	shown := newSession(t, dir, "plans", "--json").end(0)
	if !strings.HasPrefix(shown, "[\r\n  {\r\n    \"id\": ") {
		t.Errorf("it shows %q", shown)
	}
}
