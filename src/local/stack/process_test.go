package stack

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestChildIsKeptRunningAndEndsGracefully(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "events")
	happened := newEvents(t, fifo)
	// Dies twice, then stays and reports how it ends.
	script := fmt.Sprintf(`
n=$(cat %[1]s/count 2>/dev/null || echo 0); n=$((n+1)); echo $n >%[1]s/count
trap 'echo ended >%[2]s; exit 0' TERM
echo "start $n" >%[2]s
[ "$n" -lt 3 ] && exit 1
while :; do sleep 0.05; done`, dir, fifo)
	p := &childProcess{
		name: "child", path: "/bin/sh", args: []string{"-c", script}, env: os.Environ(),
		logFile: filepath.Join(dir, "log"), log: slog.New(slog.DiscardHandler), pause: time.Millisecond,
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()

	for _, want := range []string{"start 1", "start 2", "start 3"} {
		if got := happened.next(t); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if pid, restarts := p.status(); pid == 0 || restarts != 2 {
		t.Errorf("pid %d, restarts %d", pid, restarts)
	}
	cancel()
	if got := happened.next(t); got != "ended" {
		t.Errorf("got %q: the child was not asked to end", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if pid, _ := p.status(); pid != 0 {
		t.Errorf("pid %d is still named", pid)
	}
}

func TestAProgramThatEndsWhileStartingIsReportedWithItsLastWords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ended := make(chan error, 1)
	p := &childProcess{
		name: "child", path: "/bin/sh", args: []string{"-c", "echo first; echo listen: address in use >&2; exit 3"}, env: os.Environ(),
		logFile: filepath.Join(dir, "log"), log: slog.New(slog.DiscardHandler), ended: ended,
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()
	err := awaitAnswer(t.Context(), http.DefaultClient, "https://127.0.0.1:1/", ended)
	if err == nil || err.Error() != "exit status 3, its last words: listen: address in use" {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestProgramsThatCannotBeRunAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &Stack{options: Options{ProgramDir: dir}}
	for _, name := range []string{"pks-api", "pks-broker", "pks-service-adapter"} {
		if err := s.programsExist(); err == nil || !strings.Contains(err.Error(), "program "+name+" is missing") {
			t.Errorf("without %s: %v", name, err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.programsExist(); err == nil || !strings.Contains(err.Error(), "program "+name+" beside pks-local cannot be run") {
			t.Errorf("with %s not executable: %v", name, err)
		}
		if err := os.Chmod(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.programsExist(); err != nil {
		t.Error(err)
	}
}

func TestAChildThatIsRestartedIsGoneBeforeTheNextOneAndCountsAsNoCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "events")
	happened := newEvents(t, fifo)
	// The second one dies at once.
	script := fmt.Sprintf(`
n=$(cat %[1]s/count 2>/dev/null || echo 0); n=$((n+1)); echo $n >%[1]s/count
trap 'echo "ended $n" >%[2]s; exit 0' TERM
echo "start $n" >%[2]s
[ "$n" -eq 2 ] && { echo "bad configuration" >&2; exit 1; }
while :; do sleep 0.05; done`, dir, fifo)
	p := &childProcess{
		name: "child", path: "/bin/sh", args: []string{"-c", script}, env: os.Environ(),
		logFile: filepath.Join(dir, "log"), log: slog.New(slog.DiscardHandler), pause: time.Millisecond,
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()
	next := func(want string) {
		t.Helper()
		if got := happened.next(t); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	next("start 1")
	ended, err := p.restart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	next("ended 1")
	next("start 2")
	if why := <-ended; why == nil || !strings.Contains(why.Error(), "bad configuration") {
		t.Errorf("the new child ended because of %v", why)
	}
	next("start 3")
	if _, restarts := p.status(); restarts != 1 {
		t.Errorf("%d restarts are counted, want that of the crash", restarts)
	}
	cancel()
	next("ended 3")
	if err := <-done; err != nil {
		t.Error(err)
	}
}
