// Package database opens the SQLite files of the embedded stack: one connection that writes, a few
// that read, and a schema kept up to date by goose.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

const readers = 4

// DB is an open SQLite file.
type DB struct {
	// Write has exactly one connection, so that writers queue up here and not in SQLite, where
	// waiting means polling.
	Write *bun.DB
	// Read sees everything that has been committed through Write.
	Read *bun.DB
}

// Open opens or makes the file at path with mode 0600 and applies migrations, a folder of goose
// migrations. What has been committed survives a killed process.
func Open(ctx context.Context, path string, migrations fs.FS) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	write, err := connect(path, 1)
	if err != nil {
		return nil, err
	}
	db := &DB{Write: write}
	if err := migrate(ctx, write.DB, migrations); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if db.Read, err = connect(path, readers); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func connect(path string, connections int) (*bun.DB, error) {
	query := url.Values{"_txlock": {"immediate"}}
	if connections > 1 {
		query = url.Values{}
	}
	for _, pragma := range []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"} {
		query.Add("_pragma", pragma)
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return bun.NewDB(db, sqlitedialect.New()), nil
}

func migrate(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations, goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("read database migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring database up to date: %w", err)
	}
	return nil
}

// Close closes the file.
func (db *DB) Close() error {
	var errs []error
	for _, side := range []*bun.DB{db.Read, db.Write} {
		if side != nil {
			errs = append(errs, side.Close())
		}
	}
	return errors.Join(errs...)
}
