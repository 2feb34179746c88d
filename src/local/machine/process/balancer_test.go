package process

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// echo is a server that says its name and ends.
func echo(t *testing.T, name string) (dialer, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var asked atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			io.WriteString(c, name)
			c.Close()
		}
	}()
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}, &asked
}

func refusing(context.Context) (net.Conn, error) { return nil, errors.New("refused") }

// balance starts a balancer and returns a function that asks it once.
func balance(t *testing.T) (*balancer, func() string) {
	t.Helper()
	b := newBalancer(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { b.close() })
	if err := b.listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	address := b.listeners[0].Addr().String()
	return b, func() string {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		said, err := io.ReadAll(c)
		if err != nil {
			return err.Error()
		}
		return string(said)
	}
}

func TestBalancerSharesConnectionsAmongThoseInService(t *testing.T) {
	t.Parallel()
	b, ask := balance(t)
	for _, name := range []string{"a", "b", "c"} {
		dial, _ := echo(t, name)
		b.set(name, dial, name != "c")
	}
	got := ask() + ask() + ask() + ask()
	if strings.Count(got, "a") != 2 || strings.Count(got, "b") != 2 {
		t.Errorf("four connections went to %q", got)
	}
}

func TestBalancerSkipsWhoDoesNotAnswer(t *testing.T) {
	t.Parallel()
	b, ask := balance(t)
	dial, _ := echo(t, "alive")
	b.set("dead", refusing, true)
	b.set("alive", dial, true)
	for range 4 {
		if got := ask(); got != "alive" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestBalancerTriesThoseOutOfServiceWhenNoneIsIn(t *testing.T) {
	t.Parallel()
	b, ask := balance(t)
	dial, _ := echo(t, "maybe")
	b.set("maybe", dial, true)
	b.outOfService("maybe")
	if got := ask(); got != "maybe" {
		t.Errorf("got %q", got)
	}
	if serving := b.serving(); serving["maybe"] {
		t.Error("it is in service")
	}
}

func TestBalancerWithoutBackendsEndsTheConnection(t *testing.T) {
	t.Parallel()
	b, ask := balance(t)
	dial, asked := echo(t, "gone")
	b.set("gone", dial, true)
	b.remove("gone")
	if got := ask(); got != "" {
		t.Errorf("got %q", got)
	}
	if asked.Load() != 0 {
		t.Error("a removed backend was asked")
	}
}

func TestClosingABalancerEndsItsConnections(t *testing.T) {
	t.Parallel()
	b, _ := balance(t)
	inner, outer := net.Pipe()
	defer outer.Close()
	b.set("silent", func(context.Context) (net.Conn, error) { return inner, nil }, true)
	c, err := net.Dial("tcp", b.listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(outer, make([]byte, 1)); err != nil { // the connection is through
		t.Fatal(err)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
	if err := b.listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listen after close: %v", err)
	}
}

func TestAnAddressThatIsInUseIsWaitedForAWhile(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddrPort(taken.Addr().String())
	b := newBalancer(slog.New(slog.DiscardHandler))
	defer b.close()
	if err := b.listen(t.Context(), address); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the address of somebody else: %v", err)
	}
	heard := make(chan error)
	go func() { heard <- b.listen(t.Context(), address) }()
	taken.Close()
	if err := <-heard; err != nil {
		t.Error(err)
	}
}
