package cli_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// crammed is a folder on a disk of its own, with the files in it and no room left.
func crammed(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k,mode=0700"); errors.Is(err, syscall.EPERM) {
		t.Skip("mounting needs root")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	for name, content := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700), os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for {
		if _, err := filler.Write(make([]byte, 4096)); errors.Is(err, syscall.ENOSPC) {
			return dir
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// On a full disk nothing is lost: the old files stay, and one line says why.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w, dir := loggedIn(t)
	w.mu.Lock()
	w.add("demo", 3)
	w.mu.Unlock()
	session, ca := content(t, dir, "pks", "creds.yml"), content(t, dir, "ca.pem")
	const clusters = "apiVersion: v1\nkind: Config\nclusters: []\n"
	full := crammed(t, map[string]string{"pks/creds.yml": session, "kubeconfig": clusters, "ca.pem": ca})
	login := []string{"login", "-a", w.api.URL, "-u", "alana", "-p", "pa55 wörd", "--ca-cert", "ca.pem"}

	piped(t, full, nil, login...).isOneClearMessage(t, 1, "creds.yml", "no space left on device")
	got := piped(t, full, nil, "get-credentials", "demo")
	got.stdout = "" // it had begun
	got.isOneClearMessage(t, 1, "kubeconfig", "no space left on device")
	if diff := cmp.Diff([]string{session, clusters}, []string{content(t, full, "pks", "creds.yml"), content(t, full, "kubeconfig")}); diff != "" {
		t.Error(diff)
	}
	// Reading needs no room.
	if got := piped(t, full, nil, "plans", "-o", "name"); got != (outcome{0, "small\nlarge\n", ""}) {
		t.Errorf("%+v", got)
	}
	disk, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	for _, form := range []string{"--json", "-o=yaml", "-o=name", "--query=.[].name", "-o=wide"} {
		pipedTo(t, disk, dir, nil, "plans", form).isOneClearMessage(t, 1, "the output could not be written", "no space left on device")
	}
	w.mu.Lock()
	clear(w.access) // the session has to be renewed, and that stored
	w.mu.Unlock()
	piped(t, full, nil, "plans").isOneClearMessage(t, 1, "creds.yml", "no space left on device")
}
