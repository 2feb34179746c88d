package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const dialTimeout = 10 * time.Second

// tunnels are the connections that Dial has opened.
type tunnels struct {
	copiers sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

// serve dials inside the machine and hands the connection through.
func (t *tunnels) serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), dialTimeout)
	defer cancel()
	var d net.Dialer
	inside, err := d.DialContext(ctx, "tcp", r.URL.Query().Get("address"))
	if err != nil {
		write(w, http.StatusBadGateway, failure{Error: err.Error()})
		return
	}
	outside, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = inside.Close()
		answer(w, nil, fmt.Errorf("take over the connection: %w", err))
		return
	}
	_ = outside.SetDeadline(time.Time{})
	_, err = fmt.Fprintf(outside, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocolTCP)
	if err != nil || !t.join(inside, outside, buffered.Reader) {
		_ = inside.Close()
		_ = outside.Close()
	}
}

// join copies both ways until both have ended.
func (t *tunnels) join(inside, outside net.Conn, sent *bufio.Reader) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.open == nil {
		t.open = make(map[net.Conn]bool)
	}
	t.open[inside], t.open[outside] = true, true
	t.copiers.Go(func() {
		var ways sync.WaitGroup
		ways.Go(func() {
			// What came with the request is passed on first; then the sockets are spliced.
			if n := sent.Buffered(); n > 0 {
				if _, err := io.CopyN(inside, sent, int64(n)); err != nil {
					_ = outside.Close()
				}
			}
			pass(inside, outside)
		})
		ways.Go(func() { pass(outside, inside) })
		ways.Wait()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.open, inside)
		delete(t.open, outside)
		_ = inside.Close()
		_ = outside.Close()
	})
	return true
}

type writeCloser interface{ CloseWrite() error }

// pass copies until the end of from and passes the end on. A connection that broke ends both ways.
func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(writeCloser); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
	_ = from.Close()
}

func (t *tunnels) close() {
	t.mu.Lock()
	t.closed = true
	for conn := range t.open {
		_ = conn.Close()
	}
	t.mu.Unlock()
	t.copiers.Wait()
}

// tunnel is the caller's end.
type tunnel struct {
	net.Conn
	first io.Reader
}

func (t *tunnel) Read(p []byte) (int, error) { return t.first.Read(p) }

// CloseWrite ends what is sent and leaves the other way open.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.Conn.(writeCloser); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Dial opens a TCP connection from inside the machine to address, a host and a port. The connection
// has CloseWrite.
func (c *Client) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	opened, err := upgrade(ctx, conn, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("dial %s in the machine: %w", address, err)
	}
	return opened, nil
}

func upgrade(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent"+pathDial, nil)
	if err != nil {
		return nil, err
	}
	query := request.URL.Query()
	query.Set("address", address)
	request.URL.RawQuery = query.Encode()
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", protocolTCP)
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		defer response.Body.Close()
		return nil, readFailure(response)
	}
	return &tunnel{Conn: conn, first: reader}, nil
}
