package browser

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestBrowserListsCommands(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the separator is another one")
	}
	got := commands(env(map[string]string{"BROWSER": "first --new:second --open=%s -x: "}), "https://page")
	want := [][]string{{"first", "--new", "https://page"}, {"second", "--open=https://page", "-x"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoBrowserWithoutADesktop(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("others always have a desktop")
	}
	if err := Open(env(nil), "https://page"); !errors.Is(err, ErrNone) {
		t.Errorf("%v", err)
	}
	if got := commands(env(map[string]string{"DISPLAY": ":0"}), "https://page"); len(got) == 0 {
		t.Error("a desktop has browsers")
	}
}

func TestFirstCommandThatStartsIsUsed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell script")
	}
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if err := os.WriteFile(good, []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Open(env(map[string]string{"BROWSER": dir + "/absent:" + good}), "https://page"); err != nil {
		t.Error(err)
	}
	if err := Open(env(map[string]string{"BROWSER": dir + "/absent"}), "https://page"); !errors.Is(err, ErrNone) {
		t.Errorf("%v", err)
	}
}
