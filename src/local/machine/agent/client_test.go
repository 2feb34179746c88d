package agent_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

func TestAbsentAgentIsUnresponsive(t *testing.T) {
	t.Parallel()
	c := agent.NewClient(filepath.Join(t.TempDir(), "agent.sock"))
	ctx := testContext(t)
	_, stateErr := c.State(ctx)
	_, runErr := c.Run(ctx, agent.Command{Args: []string{"true"}})
	_, dialErr := c.Dial(ctx, "127.0.0.1:1")
	for name, err := range map[string]error{
		"Apply": c.Apply(ctx, agent.Plan{}), "Start": c.Start(ctx), "Stop": c.Stop(ctx), "State": stateErr, "Run": runErr, "Dial": dialErr,
	} {
		if !errors.Is(err, machine.ErrUnresponsive) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestAgentThatDiesInARequestIsUnresponsive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if conn, err := listener.Accept(); err == nil {
			_ = conn.Close()
		}
	}()
	if _, err := agent.NewClient(filepath.Join(dir, "s")).State(testContext(t)); !errors.Is(err, machine.ErrUnresponsive) {
		t.Errorf("error %v", err)
	}
	_ = listener.Close()
	<-ended
}

func TestCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, "s")) // accepts and never answers
	must(t, err)
	defer listener.Close()
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	c := agent.NewClient(filepath.Join(dir, "s"))
	_, runErr := c.Run(ctx, agent.Command{Args: []string{"true"}})
	_, dialErr := c.Dial(ctx, "127.0.0.1:1")
	for name, err := range map[string]error{"Start": c.Start(ctx), "Run": runErr, "Dial": dialErr} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, machine.ErrUnresponsive) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestSetHostsReplacesTheFile(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	ctx := testContext(t)
	must(t, a.SetHosts(ctx, map[string][]netip.Addr{"gone": {netip.MustParseAddr("10.0.0.9")}}))
	must(t, a.SetHosts(ctx, map[string][]netip.Addr{
		"master.cfcr.internal": {netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("10.0.0.2")}, "a": {netip.MustParseAddr("10.0.0.1")},
	}))
	got, err := os.ReadFile(a.path("hosts"))
	must(t, err)
	want := "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.0.1 worker-0\n" +
		"10.0.0.1 a\n10.0.0.3 master.cfcr.internal\n10.0.0.2 master.cfcr.internal\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []map[string][]netip.Addr{{"a b": nil}, {"": nil}, {"x": {netip.Addr{}}}} {
		if err := a.SetHosts(ctx, bad); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

func TestDialReachesWhatListensInTheMachine(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			served <- err
			return
		}
		defer conn.Close()
		data, err := io.ReadAll(conn) // until the caller's half is closed
		if err == nil {
			_, err = conn.Write([]byte(strings.ToUpper(string(data))))
		}
		served <- err
	}()
	conn, err := a.Dial(testContext(t), listener.Addr().String())
	must(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, strings.Repeat("hello ", 50000))
	must(t, err)
	must(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	got, err := io.ReadAll(conn)
	must(t, err)
	if string(got) != strings.Repeat("HELLO ", 50000) {
		t.Errorf("%d bytes came back", len(got))
	}
	must(t, <-served)
}

func TestDialSaysWhatTheMachineSaw(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	_, err := a.Dial(testContext(t), "127.0.0.1:1")
	if err == nil || !strings.Contains(err.Error(), "refused") || errors.Is(err, machine.ErrUnresponsive) {
		t.Errorf("error %v", err)
	}
}

func TestSocketPathMayBeLong(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100), strings.Repeat("y", 100))
	must(t, os.MkdirAll(filepath.Dir(long), 0o755))
	must(t, os.Symlink(a.dir, long))
	_, err := agent.NewClient(filepath.Join(long, "agent.sock")).State(testContext(t))
	must(t, err)
}
