package stack

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func layoutOf(t *testing.T) Layout {
	t.Helper()
	l := Layout{Dir: filepath.Join(t.TempDir(), "data")}
	if err := l.Make(); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFilesAreReadableByTheOwnerAlone(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if _, err := ensureCertificates(l, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := ensureSecrets(l); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(l.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		files++
		return nil
	})
	if err != nil || files < 6 {
		t.Fatalf("walked %d files: %v", files, err)
	}
}

// A machine whose clock was ahead at the first start has a CA from the future.

func TestSecretsAreDrawnOnce(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	first, err := ensureSecrets(l)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadSecrets(l)
	if err != nil {
		t.Fatal(err)
	}
	if first != again {
		t.Error("the secrets changed")
	}
	if len(first.AdminUser.Reveal()) < 20 || first.AdminUser == first.DeveloperUser {
		t.Error("the passwords are weak or the same")
	}
}

func TestDamagedSecretsAreReportedWithoutShowingThem(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if err := os.WriteFile(l.Secrets(), []byte("admin_password: [hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ensureSecrets(l)
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), l.Secrets()) {
		t.Errorf("got %v", err)
	}
}

func TestTakenPortIsNamedWithARemedy(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	err = Ports{UAA: port}.Free()
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) || !strings.Contains(err.Error(), "UAA") || !strings.Contains(err.Error(), "--ports-from") {
		t.Errorf("got %v", err)
	}
}

func TestPortsFromCountsUp(t *testing.T) {
	t.Parallel()
	got, err := PortsFrom(20000)
	if err != nil {
		t.Fatal(err)
	}
	want := Ports{API: 20000, UAA: 20001, Director: 20002, Broker: 20003, CredHub: 20004}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []int{0, -1, 65532, 1 << 20} {
		if _, err := PortsFrom(bad); err == nil {
			t.Errorf("%d was accepted", bad)
		}
	}
}

// A child that dies is started again; one that is told to end gets the time to.

// Masters really listen, so two stacks must not share addresses; and a stack

// keeps its own, or its clusters would move.

// What a killed stack has left tells of processes that may be somebody else's now.

// Stop needs nothing but the lock: it ends a stack that is not ready, or whose

// state file is damaged.
