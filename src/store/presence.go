package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// presence shows other servers on the same PostgreSQL that this one is alive: it
// holds an advisory lock, which the database drops with the connection, so also
// when the process is killed.
type presence struct {
	pool *sql.DB
	key  int64

	mu   sync.Mutex
	conn *sql.Conn
}

const workerPrefix = "pks-api-"

func newPresence(pool *sql.DB) *presence {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return &presence{pool: pool, key: int64(binary.BigEndian.Uint64(b[:]) >> 1)}
}

// worker is the name under which this process takes jobs.
func (p *presence) worker() string { return workerPrefix + strconv.FormatInt(p.key, 16) }

// keyOf is the lock of the process with that name.
func keyOf(worker string) (int64, bool) {
	key, err := strconv.ParseInt(strings.TrimPrefix(worker, workerPrefix), 16, 64)
	return key, err == nil && strings.HasPrefix(worker, workerPrefix)
}

// hold takes the lock, again if the connection that had it was lost.
func (p *presence) hold(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		if p.conn.PingContext(ctx) == nil {
			return nil
		}
		_ = p.conn.Close() // it is broken already
		p.conn = nil
	}
	conn, err := p.pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to database: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", p.key); err != nil {
		return errors.Join(fmt.Errorf("show presence: %w", err), conn.Close())
	}
	p.conn = conn
	return nil
}

// release gives the lock up, for a connection goes back to a pool that may live
// on.
func (p *presence) release() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	_, _ = p.conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", p.key) // the end of the connection does it too
	err := p.conn.Close()
	p.conn = nil
	return err
}
