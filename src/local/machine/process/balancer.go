package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// dialer opens a TCP connection to one backend.
type dialer func(ctx context.Context) (net.Conn, error)

// dialPatience bounds the connection to one backend; the next one is tried after it.
const dialPatience = 3 * time.Second

// balancer passes connections on to one of its backends: in turn to those in service, and to all of
// them when none is, for a guess is better than a refusal. It works on TCP and sees nothing of TLS.
type balancer struct {
	logger *slog.Logger

	mu       sync.Mutex
	backends []*backend
	next     int
	open     map[net.Conn]struct{}
	closed   bool

	listeners []net.Listener
	group     sync.WaitGroup
}

type backend struct {
	name      string
	dial      dialer
	inService bool
}

func newBalancer(logger *slog.Logger) *balancer {
	return &balancer{logger: logger, open: map[net.Conn]struct{}{}}
}

// listen makes the balancer answer on an address too.
func (b *balancer) listen(ctx context.Context, address netip.AddrPort) error {
	l, err := claim(ctx, address)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errors.Join(net.ErrClosed, l.Close())
	}
	b.listeners = append(b.listeners, l)
	b.group.Go(func() { b.accept(l) })
	return nil
}

// A listener that was closed can live on for a moment in a process that was being started meanwhile,
// until that executes its program.
const (
	claimPatience = time.Second
	claimPause    = 20 * time.Millisecond
)

// claim listens on an address.
func claim(ctx context.Context, address netip.AddrPort) (net.Listener, error) {
	var config net.ListenConfig
	for deadline := time.Now().Add(claimPatience); ; {
		l, err := config.Listen(ctx, "tcp", address.String())
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(claimPause):
		}
	}
}

func (b *balancer) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			b.logger.Warn("connection not accepted", "address", l.Addr().String(), "error", err)
			continue
		}
		if !b.track(conn) {
			return
		}
		b.group.Go(func() {
			defer b.untrack(conn)
			b.pass(conn)
		})
	}
}

// pass carries one connection until either side ends it.
func (b *balancer) pass(client net.Conn) {
	server := b.connect()
	if server == nil {
		return
	}
	if !b.track(server) {
		return
	}
	defer b.untrack(server)
	splice(client, server)
}

// splice copies both ways and ends when both directions have.
func splice(one, other net.Conn) {
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{one, other}, {other, one}} {
		both.Go(func() {
			// An error is an end like any other: the peer sees it as one.
			_, _ = io.Copy(way[0], way[1])
			if half, ok := way[0].(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
				return
			}
			_ = way[0].Close()
		})
	}
	both.Wait()
}

// connect dials the backends in the order of preference; nil when none answers.
func (b *balancer) connect() net.Conn {
	for _, to := range b.order() {
		ctx, cancel := context.WithTimeout(context.Background(), dialPatience)
		conn, err := to.dial(ctx)
		cancel()
		if err == nil {
			return conn
		}
		b.logger.Debug("backend does not answer", "backend", to.name, "error", err)
	}
	return nil
}

// order lists the backends in service, beginning with another one each time, then the others.
func (b *balancer) order() []*backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	var good, bad []*backend
	for _, x := range b.backends {
		if x.inService {
			good = append(good, x)
		} else {
			bad = append(bad, x)
		}
	}
	if len(good) > 0 {
		b.next++
		n := b.next % len(good)
		good = slices.Concat(good[n:], good[:n])
	}
	return append(good, bad...)
}

// set adds a backend or changes it.
func (b *balancer) set(name string, dial dialer, inService bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.backends {
		if x.name == name {
			x.dial, x.inService = dial, inService
			return
		}
	}
	b.backends = append(b.backends, &backend{name, dial, inService})
}

// outOfService sends nobody to a backend as long as there is another one.
func (b *balancer) outOfService(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.backends {
		if x.name == name {
			x.inService = false
		}
	}
}

// serving names the backends in service.
func (b *balancer) serving() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := map[string]bool{}
	for _, x := range b.backends {
		names[x.name] = x.inService
	}
	return names
}

// remove forgets a backend. Its connections go on.
func (b *balancer) remove(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.backends = slices.DeleteFunc(b.backends, func(x *backend) bool { return x.name == name })
}

func (b *balancer) track(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		_ = c.Close()
		return false
	}
	b.open[c] = struct{}{}
	return true
}

func (b *balancer) untrack(c net.Conn) {
	_ = c.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, c)
}

// close ends all listeners and connections and waits for them.
func (b *balancer) close() error {
	b.mu.Lock()
	b.closed = true
	var problems []error
	for _, l := range b.listeners {
		problems = append(problems, l.Close())
	}
	for c := range b.open {
		_ = c.Close()
	}
	b.mu.Unlock()
	b.group.Wait()
	return errors.Join(problems...)
}
