package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // driver "sqlite"
)

const (
	lockWait  = 5 * time.Second
	lockRetry = 50 * time.Millisecond
	// busyTimeout covers what the one connection for writing cannot: a backup or
	// the sqlite3 program at work on the same file.
	busyTimeout = 5 * time.Second
)

// openSQLite opens the file with two pools: one connection that writes, so that
// writers queue in order instead of failing each other with SQLITE_BUSY, and
// several that only read, which a write-ahead log lets pass writers by.
func openSQLite(ctx context.Context, cfg Config) (_ *SQL, err error) {
	if cfg.Path == "" {
		return nil, errors.New("database path is missing")
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("database path: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of database: %w", err)
	}
	unlock, err := lockFile(ctx, path)
	if err != nil {
		return nil, err
	}
	s := &SQL{dialect: SQLite, listed: newListed(), unlock: unlock}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	writer, err := sql.Open("sqlite", sqliteURI(path, "_txlock=immediate"))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	writer.SetMaxOpenConns(1)
	s.write = bun.NewDB(writer, sqlitedialect.New())
	if err := migrate(ctx, s.Queue(), cfg.Logger); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	reader, err := sql.Open("sqlite", sqliteURI(path, "_pragma=query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	s.read = bun.NewDB(reader, sqlitedialect.New())
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// sqliteURI asks for a write-ahead log that is on disk before a commit returns:
// an acknowledged request survives a power cut.
func sqliteURI(path, extra string) string {
	u := url.URL{Scheme: "file", Path: path}
	u.RawQuery = fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&%s",
		busyTimeout.Milliseconds(), extra)
	return u.String()
}

// lockFile lets one process at a time have the database, so that at start every
// job that is marked as being worked on can only be a dead process's.
func lockFile(ctx context.Context, path string) (unlock func() error, err error) {
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	switch locked, err := lock.TryLockContext(ctx, lockRetry); {
	case locked:
		return lock.Unlock, nil
	case err == nil || errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("database %s is in use by another process", path)
	default:
		return nil, fmt.Errorf("lock database %s: %w", path, err)
	}
}

// makePrivate makes the file, or an existing one's mode, 0600; SQLite gives its
// side files the same.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err // names the file
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}
