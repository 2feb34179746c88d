package e2e

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestStackGoesOnAfterDownAndUp(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	s.login("client", "admin")
	s.must(s.pks("create-cluster", "demo", "-e", "demo.pks.local", "-p", "small", "--wait", "--non-interactive"))
	before := s.cluster("demo")

	if out := s.must(s.local("up")); !strings.Contains(out, "running already") {
		t.Errorf("a second up:\n%s", out)
	}
	if r := s.local("reset"); r.code != 1 || !strings.Contains(r.stderr, "pks-local down") {
		t.Errorf("reset of a running stack: %+v", r)
	}
	s.must(s.local("down"))
	if r := s.local("status"); r.code != 1 || !strings.Contains(r.stderr, "pks-local up") {
		t.Errorf("status of a stopped stack: %+v", r)
	}
	s.refused(s.pks("clusters"), 1, "Error: ", s.apiURL())

	s.up()
	if after := s.cluster("demo"); after.UUID != before.UUID || after.State != "succeeded" {
		t.Errorf("after the restart: %+v, before: %+v", after, before)
	}
	s.must(s.pks("resize", "demo", "-n", "1", "--wait", "--non-interactive"))
	s.must(s.pks("delete-cluster", "demo", "--wait", "--non-interactive"))

	s.must(s.local("down"))
	s.must(s.local("reset"))
	if _, err := os.Stat(s.dir); err == nil {
		t.Error("reset left the folder")
	}
}

func TestStackListensOnLoopbackOnlyAndHidesItsFiles(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	for offset := range 5 {
		port := strconv.Itoa(s.ports + offset)
		for _, addr := range foreignAddresses(t) {
			if c, err := net.Dial("tcp", net.JoinHostPort(addr, port)); err == nil {
				c.Close()
				t.Errorf("port %s answers on %s", port, addr)
			}
		}
	}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
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
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// foreignAddresses are the IPv4 addresses of this machine beside loopback.
func foreignAddresses(t *testing.T) []string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			out = append(out, n.IP.String())
		}
	}
	return out
}

func TestTakenPortIsNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	s := &stack{t: t, dir: filepath.Join(t.TempDir(), "data")}
	s.refused(s.local("up", "--ports-from", strconv.Itoa(port-4)), 1, "is taken by another program", "--ports-from")
}

func TestWrongUseOfPKSLocal(t *testing.T) {
	t.Parallel()
	s := &stack{t: t, dir: filepath.Join(t.TempDir(), "data")}
	s.refused(s.local("up", "--ports-from", "many"), 2, "--ports-from")
	s.refused(s.local("up", "--ports-from", "0"), 2, "--ports-from")
	s.refused(s.local("up", "--vm-time", "-1s"), 2, "--vm-time")
	s.refused(s.local("up", "extra"), 2, "extra")
	s.refused(s.local("fly"), 2, "fly")
	s.refused(s.local("logs"), 1, "pks-local up")
	if out := s.must(s.local("down")); !strings.Contains(out, "not running") {
		t.Errorf("down of nothing: %s", out)
	}
}
