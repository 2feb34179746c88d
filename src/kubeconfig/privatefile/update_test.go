//go:build !windows

package privatefile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
)

// appendLine is the edit of most tests: it shows that what was there is kept.
func appendLine(path, line string) func(context.Context, privatefile.Contents) (privatefile.Contents, error) {
	return func(_ context.Context, old privatefile.Contents) (privatefile.Contents, error) {
		return privatefile.Contents{path: append(old[path], []byte(line+"\n")...)}, nil
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestNewFilesAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b", "creds.yml")
	change := privatefile.Change{Paths: []string{path}, Keep: 0o777, Edit: appendLine(path, "one")}
	if err := change.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "one\n" {
		t.Errorf("the file holds %q", got)
	}
	if got := mode(t, path); got != 0o600 {
		t.Errorf("the file has mode %o", got)
	}
	if got := mode(t, filepath.Dir(path)); got != 0o700 {
		t.Errorf("the folder has mode %o", got)
	}
}

func TestExistingFilesKeepThePermissionsTheyMay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, keep, after os.FileMode }{
		{0o644, 0o777, 0o644},
		{0o644, 0o600, 0o600},
		{0o600, 0o777, 0o600},
	} {
		path := filepath.Join(t.TempDir(), "config")
		write(t, path, "zero\n", c.before)
		change := privatefile.Change{Paths: []string{path}, Keep: c.keep, Edit: appendLine(path, "one")}
		if err := change.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := mode(t, path); got != c.after {
			t.Errorf("%o with keep %o became %o, want %o", c.before, c.keep, got, c.after)
		}
		if got := read(t, path); got != "zero\none\n" {
			t.Errorf("the file holds %q", got)
		}
	}
}

func TestLinksStayLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "dotfiles", "config")
	link := filepath.Join(dir, "config")
	second := filepath.Join(dir, "second")
	if err := os.Symlink(filepath.Join("dotfiles", "config"), link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("config", second); err != nil {
		t.Fatal(err)
	}
	for i, path := range []string{link, second} { // the first time the target does not exist
		change := privatefile.Change{Paths: []string{path}, Keep: 0o600, Edit: appendLine(path, strconv.Itoa(i))}
		if err := change.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, target); got != "0\n1\n" {
		t.Errorf("the target holds %q", got)
	}
	for _, path := range []string{link, second} {
		if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is no link any more: %v", path, err)
		}
	}
}

func TestCircularLinksAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := errors.Join(os.Symlink(b, a), os.Symlink(a, b)); err != nil {
		t.Fatal(err)
	}
	err := privatefile.Change{Paths: []string{a}, Edit: appendLine(a, "x")}.Apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "symbolic links") {
		t.Errorf("the error is %v", err)
	}
}

func TestFailedEditsWriteNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	write(t, path, "old", 0o600)
	cause := errors.New("no")
	err := privatefile.Change{Paths: []string{path}, Edit: func(_ context.Context, old privatefile.Contents) (privatefile.Contents, error) {
		old[path][0] = 'X'
		return old, cause
	}}.Apply(t.Context())
	if !errors.Is(err, cause) || read(t, path) != "old" {
		t.Errorf("the error is %v, the file %q", err, read(t, path))
	}
}

func TestUnchangedFilesAreNotTouched(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	write(t, path, "same", 0o600)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(_ context.Context, old privatefile.Contents) (privatefile.Contents, error) { return old, nil }
	if err := (privatefile.Change{Paths: []string{path}, Keep: 0o600, Edit: keep}).Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the file was replaced by an equal one")
	}
}

func TestOnlyLockedFilesAreWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, other := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	err := privatefile.Change{Paths: []string{path}, Edit: appendLine(other, "x")}.Apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "not locked") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(other); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the other file exists: %v", err)
	}
}

func TestFoldersAndGiantsAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	giant := filepath.Join(dir, "giant")
	write(t, giant, "", 0o600)
	if err := os.Truncate(giant, 17<<20); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "not a plain file", giant: "larger than 16 MiB"} {
		if _, err := privatefile.Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %q", path, err, want)
		}
	}
}

func TestLockIsWaitedForUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	outer := privatefile.Change{Paths: []string{path}, Edit: func(context.Context, privatefile.Contents) (privatefile.Contents, error) {
		return nil, privatefile.Change{Paths: []string{path}, Edit: appendLine(path, "inner")}.Apply(ctx)
	}}
	if err := outer.Apply(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the one that did not get the lock has written")
	}
}

func TestGuardIsHeldAroundTheEdit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	var order []string
	change := privatefile.Change{
		Paths: []string{path},
		Guard: func(context.Context) (func() error, error) {
			order = append(order, "guard")
			return func() error { order = append(order, "release "+read(t, path)); return nil }, nil
		},
		Edit: func(_ context.Context, old privatefile.Contents) (privatefile.Contents, error) {
			order = append(order, "edit")
			return privatefile.Contents{path: []byte("x")}, nil
		},
	}
	if err := change.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"guard", "edit", "release x"}, order); diff != "" {
		t.Error(diff)
	}
	refusal := errors.New("taken")
	change.Guard = func(context.Context) (func() error, error) { return nil, refusal }
	if err := change.Apply(t.Context()); !errors.Is(err, refusal) {
		t.Errorf("the error is %v", err)
	}
}

func TestThreadsAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := (privatefile.Change{Paths: []string{path}, Keep: 0o600, Edit: appendLine(path, fmt.Sprint(i))}).Apply(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := strings.Count(read(t, path), "\n"); got != 20 {
		t.Errorf("%d of 20 lines are there", got)
	}
}

const (
	childEnv = "PRIVATEFILE_TEST_CHILD"
	fullEnv  = "PRIVATEFILE_TEST_FULL"
)

// TestMain lets the test binary be the other process.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(childEnv) != "":
		os.Exit(appendLines(os.Getenv(childEnv)))
	case os.Getenv(fullEnv) != "":
		os.Exit(writeOnFullDisk(os.Getenv(fullEnv)))
	default:
		os.Exit(m.Run())
	}
}

func appendLines(path string) int {
	for i := range 25 {
		change := privatefile.Change{Paths: []string{path}, Keep: 0o600, Edit: appendLine(path, fmt.Sprint(os.Getpid(), i))}
		if err := change.Apply(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Print(".")
	}
	return 0
}

// writeOnFullDisk has the kernel refuse to write more than a few bytes.
func writeOnFullDisk(path string) int {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 10, Max: 10}); err != nil {
		return 2
	}
	change := privatefile.Change{Paths: []string{path}, Keep: 0o600, Edit: appendLine(path, strings.Repeat("x", 100))}
	if err := change.Apply(context.Background()); err == nil {
		return 3
	}
	return 0
}

func command(t *testing.T, env string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestFullDiskLeavesTheOldFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	write(t, path, "old\n", 0o600)
	if err := command(t, fullEnv+"="+path).Run(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "old\n" {
		t.Errorf("the file holds %q", got)
	}
	var names []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if diff := cmp.Diff([]string{".config.pks-lock", "config"}, names); diff != "" {
		t.Errorf("half a file was left behind:\n%s", diff)
	}
}

func TestProcessesAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	a, b := command(t, childEnv+"="+path), command(t, childEnv+"="+path)
	if err := errors.Join(a.Start(), b.Start()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Wait(), b.Wait()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(read(t, path), "\n"); got != 50 {
		t.Errorf("%d of 50 lines are there", got)
	}
}

// A process that is killed at any moment leaves a whole file: the old or the new.
func TestKilledProcessLeavesAWholeFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	for range 5 {
		victim := command(t, childEnv+"="+path)
		out, err := victim.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 3)); err != nil { // it is at work
			t.Fatal(err)
		}
		_ = victim.Process.Kill()
		_ = victim.Wait()
		if content := read(t, path); !strings.HasSuffix(content, "\n") {
			t.Fatalf("the file ends in the middle: %q", content)
		}
		if err := (privatefile.Change{Paths: []string{path}, Keep: 0o600, Edit: appendLine(path, "after")}).Apply(t.Context()); err != nil {
			t.Fatalf("the dead process still holds the lock: %v", err)
		}
	}
}
