package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

const (
	postgresConnections = 20
	postgresIdle        = 5 * time.Minute
)

// openPostgres opens one pool for reading and writing.
func openPostgres(ctx context.Context, cfg Config) (_ *SQL, err error) {
	if cfg.DSN == "" {
		return nil, errors.New("database dsn is missing")
	}
	config, err := pgx.ParseConfig(cfg.DSN.Reveal())
	if err != nil {
		// The parser's error repeats the string, which holds the password.
		return nil, errors.New("database dsn is not a PostgreSQL connection string")
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(postgresConnections)
	pool.SetMaxIdleConns(postgresConnections)
	pool.SetConnMaxIdleTime(postgresIdle)
	db := bun.NewDB(pool, pgdialect.New())
	s := &SQL{dialect: Postgres, write: db, read: db, listed: newListed(), presence: newPresence(pool)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := migrateLocked(ctx, pool, s.Queue(), cfg); err != nil {
		return nil, err
	}
	if err := s.presence.hold(ctx); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// migrateLocked lets one of several servers that start together migrate, while
// the others wait and then find nothing to do.
func migrateLocked(ctx context.Context, pool *sql.DB, queue Queue, cfg Config) (err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return fmt.Errorf("wait for the migration lock: %w", err)
	}
	defer func() {
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrationLock)
		err = errors.Join(err, unlockErr)
	}()
	return migrate(ctx, queue, cfg.Logger)
}

// migrationLock is an advisory lock's key, chosen at random once.
const migrationLock int64 = 0x706b732d6d696772
