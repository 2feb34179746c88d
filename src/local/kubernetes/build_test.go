package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
)

const tinyRecipes = `
components:
- name: kubernetes
  title: Kubernetes
  version: 1.36.3
  time: 1s
  builds: [{folder: tiny, packages: [.], output: kube, links: [kubelet], ldflags: [-X main.version=$version]}]
  check: {run: [bin/kubelet], says: tiny 1.36.3}
- name: kubernetes
  title: Kubernetes
  version: 1.9.1
  time: 1s
  builds: [{folder: tiny, packages: [.], output: kube, ldflags: [-X main.version=$version]}]
  check: {run: [bin/kube], says: tiny 1.9.1}
- name: images
  version: 1.0.0
  time: 1s
  builds: [{folder: tiny, packages: [.]}]
  images: [{file: tiny.tar, reference: 'localhost/tiny:1', program: tiny}]
  check: {run: [bin/tiny], says: tiny}
`

const tinyProgram = `package main

var version = "unknown"

func main() { println("tiny", version) }
`

func TestWhatIsMissingIsBuiltOnce(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	if _, err := cache.Binaries(); !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "Kubernetes 1.36.3, Kubernetes 1.9.1, images 1.0.0; `make kubernetes`") {
		t.Errorf("before: %v", err)
	}
	progress := build(t, cache)
	for _, want := range []string{"3 programs and sets, about", "Building Kubernetes 1.36.3 (1 of 3), about", "images 1.0.0 built in", "All built in"} {
		if !strings.Contains(progress, want) {
			t.Errorf("progress lacks %q:\n%s", want, progress)
		}
	}
	binaries, err := cache.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for _, release := range binaries.Kubernetes {
		versions = append(versions, release.Version)
	}
	if diff := cmp.Diff([]string{"1.9.1", "1.36.3"}, versions); diff != "" {
		t.Errorf("versions, oldest first (-want +got):\n%s", diff)
	}
	if said, err := exec.Command(filepath.Join(binaries.Kubernetes[1].Dir, "bin", "kubelet")).CombinedOutput(); err != nil || string(said) != "tiny 1.36.3\n" {
		t.Errorf("kubelet said %q, %v", said, err)
	}
	if _, err := os.Stat(filepath.Join(binaries.Packages["images"], "tiny.tar")); err != nil {
		t.Error(err)
	}
	if again := build(t, cache); !strings.HasPrefix(again, "Kubernetes for process machines is built: 1.36.3 and 1.9.1") || strings.Count(again, "\n") != 1 {
		t.Errorf("the second build said:\n%s", again)
	}
}

func TestCompleteCacheOfAnotherUserIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	build(t, cache)
	if err := os.Remove(filepath.Join(cache.dir, lockFile)); err != nil {
		t.Fatal(err)
	}
	build(t, cache)
	if _, err := os.Stat(filepath.Join(cache.dir, lockFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock was taken: %v", err)
	}
}

func TestChangedRecipeIsBuiltAnew(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(cache *Cache){
		"source":  func(c *Cache) { write(t, filepath.Join(c.recipes.dir, "tiny", "more.go"), "package main\n") },
		"flags":   func(c *Cache) { c.recipes.components[0].Builds[0].Tags = []string{"netgo"} },
		"go.mod":  func(c *Cache) { write(t, filepath.Join(c.recipes.dir, "tiny", "go.mod"), "module tiny\n\ngo 1.24\n") },
		"nested":  func(c *Cache) { write(t, filepath.Join(c.recipes.dir, "tiny", "sub", "go.mod"), "module sub\n") },
		"program": func(c *Cache) { damage(t, c, "bin/kube") },
	} {
		cache := tinyCache(t, tinyRecipes)
		build(t, cache)
		change(cache)
		components, err := cache.Components()
		if err != nil {
			t.Fatal(err)
		}
		if components[0].Built || components[0].Reason == "" {
			t.Errorf("%s changed, still %+v", what, components[0])
		}
		build(t, cache)
		if _, err := cache.Binaries(); err != nil {
			t.Errorf("%s changed: %v", what, err)
		}
	}
}

func TestChangedTestIsNoReasonToBuild(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	build(t, cache)
	write(t, filepath.Join(cache.recipes.dir, "tiny", "tiny_test.go"), "package main\n")
	if _, err := cache.Binaries(); err != nil {
		t.Error(err)
	}
}

func TestProgramsOfAnotherArchitectureAreToldApart(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	build(t, cache)
	cache.target = "linux/mips"
	_, err := cache.Binaries()
	want := fmt.Sprintf("Kubernetes 1.36.3 (built for %s/%s, this is linux/mips)", runtime.GOOS, runtime.GOARCH)
	if !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestWithoutGoWhatWasBuiltIsFound(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	build(t, cache)
	cache.goTool = func() (goTool, error) { return goTool{}, fmt.Errorf("find Go: %w", exec.ErrNotFound) }
	if _, err := cache.Binaries(); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(cache.recipes.dir, "tiny", "more.go"), "package main\n")
	if err := cache.Build(t.Context(), new(bytes.Buffer)); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("build without Go: %v", err)
	}
}

func TestNewerGoBuildsAnew(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	build(t, cache)
	cache.goTool = func() (goTool, error) { return goTool{version: "go9.9"}, nil }
	if _, err := cache.Binaries(); !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "now there is go9.9") {
		t.Errorf("got %v", err)
	}
}

func TestFailedBuildShowsWhatGoSaidAndLeavesALogOnly(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	write(t, filepath.Join(cache.recipes.dir, "tiny", "more.go"), "package main\n\nvar broken int = \"text\"\n")
	err := cache.Build(t.Context(), new(bytes.Buffer))
	log := filepath.Join(cache.dir, "kubernetes-1.36.3.log")
	if err == nil || !strings.Contains(err.Error(), "build Kubernetes 1.36.3: exit status 1") || !strings.Contains(err.Error(), "more.go:3") || !strings.Contains(err.Error(), "the whole log: "+log) {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(log); err != nil || !strings.Contains(string(data), "more.go:3") {
		t.Errorf("log: %q, %v", data, err)
	}
	if left := contents(t, filepath.Join(cache.dir, "kubernetes")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestProgramThatSaysTheWrongThingIsNotKept(t *testing.T) {
	t.Parallel()
	for recipes, want := range map[string]string{
		strings.Replace(tinyRecipes, "says: tiny 1.36.3", "says: tiny 7", 1):        `should say "tiny 7", said "tiny 1.36.3"`,
		strings.Replace(tinyRecipes, "run: [bin/kubelet]", "run: [bin/kubectl]", 1): "bin/kubectl does not work",
	} {
		cache := tinyCache(t, recipes)
		err := cache.Build(t.Context(), new(bytes.Buffer))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if left := contents(t, filepath.Join(cache.dir, "kubernetes")); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestInterruptedBuildLeavesNothing(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	ended := filepath.Join(t.TempDir(), "ended")
	tool := filepath.Join(t.TempDir(), "go")
	write(t, tool, fmt.Sprintf("#!/bin/sh\ntrap 'echo > %s; exit 1' INT\nsleep 100 &\necho $! > %s.tmp\nmv %s.tmp %s\nwait\n", ended, started, started, started))
	if err := os.Chmod(tool, 0o755); err != nil {
		t.Fatal(err)
	}
	cache.goTool = func() (goTool, error) {
		return goTool{program: tool, version: "go1.0", buildCache: cache.dir, moduleCache: cache.dir}, nil
	}
	result := make(chan error, 1)
	go func() { result <- cache.Build(ctx, new(bytes.Buffer)) }()
	waitForFile(t, started)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "building Kubernetes 1.36.3 was interrupted") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(ended); err != nil {
		t.Errorf("go was not asked to end: %v", err)
	}
	if left := contents(t, filepath.Join(cache.dir, "kubernetes")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSecondBuilderWaitsAndSaysSo(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	if err := os.MkdirAll(cache.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	first := flock.New(filepath.Join(cache.dir, lockFile))
	if err := first.Lock(); err != nil {
		t.Fatal(err)
	}
	told := &notifier{text: "waiting for it", seen: make(chan struct{})}
	result := make(chan error, 1)
	go func() { result <- cache.Build(t.Context(), told) }()
	<-told.seen
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	if _, err := cache.Binaries(); err != nil {
		t.Error(err)
	}
}

func TestWaitingForTheFirstBuilderCanBeInterrupted(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	if err := os.MkdirAll(cache.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	first := flock.New(filepath.Join(cache.dir, lockFile))
	if err := first.Lock(); err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	ctx, cancel := context.WithCancel(t.Context())
	told := &notifier{text: "waiting for it", seen: make(chan struct{})}
	result := make(chan error, 1)
	go func() { result <- cache.Build(ctx, told) }()
	<-told.seen
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestHalfBuiltFolderIsNotUsedAndGoesAway(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	build(t, cache)
	components, err := cache.Components()
	if err != nil {
		t.Fatal(err)
	}
	half := components[0].Dir + temporary + "1"
	if err := os.Rename(components[0].Dir, half); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Binaries(); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("a half-built folder counts: %v", err)
	}
	build(t, cache)
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-built folder stays: %v", err)
	}
}

func TestMissingPackagesAreNamedBeforeAnythingIsBuilt(t *testing.T) {
	t.Parallel()
	recipes := strings.Replace(tinyRecipes, "- name: images\n", "- name: images\n  needs: [{program: no-such-compiler, package: gcc}, {header: no/such.h, package: libseccomp-dev}]\n", 1)
	cache := tinyCache(t, recipes)
	err := cache.Build(t.Context(), new(bytes.Buffer))
	want := "not installed: images needs no-such-compiler (Debian package gcc); images needs the C header no/such.h (Debian package libseccomp-dev)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if left := contents(t, cache.dir); len(left) != 1 {
		t.Errorf("more than the lock: %v", left)
	}
}

func TestShortDiskIsToldBeforeAnythingIsBuilt(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, strings.Replace(tinyRecipes, "  time: 1s\n", "  time: 1s\n  disk_mb: 2000000000\n", 1))
	err := cache.Build(t.Context(), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), "not enough disk space to build Kubernetes: ") || !strings.Contains(err.Error(), " GB needed") {
		t.Errorf("got %v", err)
	}
}

func TestOtherSystemsThanLinuxAreRefused(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	cache.target = "darwin/arm64"
	if err := cache.Build(t.Context(), new(bytes.Buffer)); err == nil || err.Error() != "process machines need Linux, this is darwin/arm64" {
		t.Errorf("got %v", err)
	}
}

func TestCleanKeepsWhatIsUsedOnly(t *testing.T) {
	t.Parallel()
	cache := tinyCache(t, tinyRecipes)
	if removed, err := cache.Clean(t.Context(), new(bytes.Buffer)); err != nil || len(removed) != 0 {
		t.Errorf("an empty cache: %v, %v", removed, err)
	}
	build(t, cache)
	old := filepath.Join(cache.dir, "kubernetes", "1.8.0-abc")
	write(t, filepath.Join(old, "bin", "kube"), "")
	log := filepath.Join(cache.dir, "kubernetes-1.8.0.log")
	write(t, log, "")
	removed, err := cache.Clean(t.Context(), new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{old, log}, removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if _, err := cache.Binaries(); err != nil {
		t.Error(err)
	}
}

// tinyCache is an empty cache with recipes of programs that are built in no time.
func tinyCache(t *testing.T, recipes string) *Cache {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "recipes.yaml"), recipes)
	write(t, filepath.Join(dir, "tiny", "go.mod"), "module tiny\n\ngo 1.25\n")
	write(t, filepath.Join(dir, "tiny", "main.go"), tinyProgram)
	found, err := FindRecipes("", dir)
	if err != nil {
		t.Fatal(err)
	}
	return Open(filepath.Join(t.TempDir(), "cache [1]"), found)
}

func build(t *testing.T, cache *Cache) (progress string) {
	t.Helper()
	var out bytes.Buffer
	if err := cache.Build(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// damage cuts a file of the first component short.
func damage(t *testing.T, cache *Cache, file string) {
	t.Helper()
	components, err := cache.Components()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(components[0].Dir, file), 100); err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// waitForFile returns when another process has made file.
func waitForFile(t *testing.T, file string) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-t.Context().Done():
			t.Fatalf("%s never came", file)
		}
	}
}

// notifier closes seen when text is written.
type notifier struct {
	text string
	seen chan struct{}
}

func (n *notifier) Write(p []byte) (int, error) {
	if strings.Contains(string(p), n.text) {
		close(n.seen)
	}
	return len(p), nil
}
