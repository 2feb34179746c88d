package stack

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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

func TestCAStaysAndServerCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	now := time.Now()
	first, err := ensureCertificates(l, now)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(l.CACertificate())
	if err != nil {
		t.Fatal(err)
	}
	again, err := ensureCertificates(l, now.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Certificate[0], again.Certificate[0]) {
		t.Error("the server certificate changed although it was far from its end")
	}
	later, err := ensureCertificates(l, now.Add(serverLifetime-renewBefore+time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first.Certificate[0], later.Certificate[0]) {
		t.Error("the server certificate was not renewed before its end")
	}
	after, err := os.ReadFile(l.CACertificate())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ca, after) {
		t.Error("the CA changed: clients that trust it would fail")
	}
	pool, err := trust(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1"} {
		if _, err := later.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool, CurrentTime: now.Add(serverLifetime)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamagedCAIsReportedNotReplaced(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if _, err := ensureCertificates(l, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.CACertificate(), []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ensureCertificates(l, time.Now()); err == nil {
		t.Error("a damaged CA was accepted or replaced")
	}
}

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

func TestOnlyOneProcessServesAFolder(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if _, err := Running(l); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("before the start: %v", err)
	}
	lock, err := takeLock(l)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(l); err == nil || !strings.Contains(err.Error(), "pks-local down") {
		t.Errorf("a second one: %v", err)
	}
	want := Instance{PID: 42, Machines: "simulated", Ports: DefaultPorts(), StartedAt: time.Now().UTC().Round(0)}
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
	if err := Reset(l); err == nil {
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
	if err := Reset(foreign); err == nil {
		t.Error("a foreign folder was removed")
	}
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
	ours := layoutOf(t)
	lock, err := takeLock(ours)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := Reset(ours); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ours.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if err := Reset(ours); err != nil {
		t.Errorf("a second reset: %v", err)
	}
}

// A child that dies is started again; one that is told to end gets the time to.
func TestChildIsKeptRunningAndEndsGracefully(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "events")
	happened := newEvents(t, fifo)
	// Dies twice, then stays and reports how it ends.
	script := fmt.Sprintf(`
n=$(cat %[1]s/count 2>/dev/null || echo 0); n=$((n+1)); echo $n >%[1]s/count
echo "start $n" >%[2]s
[ "$n" -lt 3 ] && exit 1
trap 'echo ended >%[2]s; exit 0' TERM
while :; do sleep 0.05; done`, dir, fifo)
	p := &process{
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

// Masters really listen, so two stacks must not share addresses; and a stack
// keeps its own, or its clusters would move.
func TestStacksSideBySideHaveTheirOwnSubnets(t *testing.T) {
	t.Parallel()
	a, b := layoutOf(t), layoutOf(t)
	first, claimA, err := claimSubnet(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	second, claimB, err := claimSubnet(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer claimB.Close()
	if first.Overlaps(second) {
		t.Errorf("%s and %s overlap", first, second)
	}
	if err := os.WriteFile(b.Subnet(), []byte(first.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := claimSubnet(t.Context(), b); err == nil || !strings.Contains(err.Error(), "another stack") {
		t.Errorf("a subnet in use: %v", err)
	}
	if err := claimA.Close(); err != nil {
		t.Fatal(err)
	}
	again, claimA, err := claimSubnet(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer claimA.Close()
	if again != first {
		t.Errorf("the subnet moved from %s to %s", first, again)
	}
	if err := os.WriteFile(a.Subnet(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := claimSubnet(t.Context(), a); err == nil || !strings.Contains(err.Error(), "pks-local reset") {
		t.Errorf("a damaged file: %v", err)
	}
}
