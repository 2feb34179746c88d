package stack

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyOneProcessServesAFolder(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if _, err := Running(l); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("before the start: %v", err)
	}
	lock, err := takeLock(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(t.Context(), l); err == nil || !strings.Contains(err.Error(), "pks-local down") {
		t.Errorf("a second one: %v", err)
	}
	want := Instance{PID: 42, Settings: Settings{Machines: Simulated}, Ports: DefaultPorts(), StartedAt: time.Now().UTC().Round(0)}
	if err := want.write(l); err != nil {
		t.Fatal(err)
	}
	got, err := Running(l)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := Reset(t.Context(), l); err == nil {
		t.Error("a folder in use was removed")
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := Running(l); !errors.Is(err, ErrNotRunning) {
		t.Errorf("the state of a killed stack counts as running: %v", err)
	}
}

func TestResetRemovesOnlyDataFolders(t *testing.T) {
	t.Parallel()
	foreign := Layout{Dir: t.TempDir()}
	keep := filepath.Join(foreign.Dir, "thesis.txt")
	if err := os.WriteFile(keep, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Reset(t.Context(), foreign); err == nil {
		t.Error("a foreign folder was removed")
	}
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
	ours := layoutOf(t)
	lock, err := takeLock(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := Reset(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ours.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if err := Reset(t.Context(), ours); err != nil {
		t.Errorf("a second reset: %v", err)
	}
}

func TestRelativeFoldersAreMadeAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		"data": filepath.Join(here, "data"), "./data/": filepath.Join(here, "data"), "/a/../b": "/b",
	} {
		if got, err := NewLayout(dir); err != nil || got.Dir != want {
			t.Errorf("%s: got %s, %v", dir, got.Dir, err)
		}
	}
	t.Setenv("PKS_LOCAL_HOME", "default")
	if got, err := NewLayout(""); err != nil || got.Dir != filepath.Join(here, "default") {
		t.Errorf("got %s, %v", got.Dir, err)
	}
}

func TestAStackThatIsStartingIsNotTakenForTheOneBefore(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if err := (Instance{PID: 1 << 22}).write(l); err != nil {
		t.Fatal(err)
	}
	lock, err := takeLock(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if err := removeState(l); err != nil {
		t.Fatal(err)
	}
	if _, err := Running(l); !errors.Is(err, ErrBusy) {
		t.Errorf("while it starts: %v", err)
	}
	if pid, err := holder(l); err != nil || pid != os.Getpid() {
		t.Errorf("held by %d, %v", pid, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := Await(ctx, l); !errors.Is(err, ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := Await(t.Context(), l); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after its end: %v", err)
	}
}

func TestStopFindsTheProcessByItsLock(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if err := Stop(t.Context(), l); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a stack: %v", err)
	}
	happened := newEvents(t, filepath.Join(t.TempDir(), "events"))
	script := `exec 9>>"$1/lock"; flock 9; echo $$ >"$1/lock"; echo "{" >"$1/stack.json"; echo up >"$2"; exec sleep 60 9>&9`
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script, "sh", l.Dir, happened.path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if got := happened.next(t); got != "up" {
		t.Fatal(got)
	}
	if _, err := Running(l); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged state: %v", err)
	}
	if err := Stop(t.Context(), l); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil || err.Error() != "signal: terminated" {
		t.Errorf("the process ended with %v", err)
	}
}

func TestStopRefusesALockThatNamesNobody(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "0", "-1", "1"} {
		l := layoutOf(t)
		lock, err := takeLock(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(l.Lock(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Stop(t.Context(), l); err == nil || !strings.Contains(err.Error(), "by hand") {
			t.Errorf("%q: %v", text, err)
		}
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestResetLeavesWhatIsNotTheStacks(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	lock, err := takeLock(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"thesis.txt", ".stack.json", ".secrets.yml12345", ".subnet9", ".profile1", "stack.json", "subnet1"} {
		if err := os.WriteFile(l.path(name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Reset(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{".profile1", ".stack.json", "subnet1", "thesis.txt"}, names); diff != "" {
		t.Error(diff)
	}
}
