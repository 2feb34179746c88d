package store

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pks-community/pks-release/src/pks"
)

// Config says which database to open.
type Config struct {
	Driver Dialect
	// Path is SQLite's file. It and its folder are made when missing, the file
	// readable by its owner alone. One process at a time may have it open.
	Path string
	// DSN is PostgreSQL's connection string. It holds the password.
	DSN pks.Secret
	// Logger gets one line per migration; nil discards.
	Logger *slog.Logger
}

// Open opens the database and brings its tables up to what this program knows.
// It refuses a database that a newer program has migrated, and changes nothing
// there. Close the store when done.
func Open(ctx context.Context, cfg Config) (*SQL, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	switch cfg.Driver {
	case SQLite:
		return openSQLite(ctx, cfg)
	case Postgres:
		return openPostgres(ctx, cfg)
	default:
		return nil, fmt.Errorf("database driver %q is not known: use %s or %s", cfg.Driver, SQLite, Postgres)
	}
}
