// Package state is what the embedded Director remembers: tasks with their output, deployments and
// instances, configs, releases, stemcells, links and audit events, in one SQLite file that survives a
// killed process.
package state

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/local/director/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNotFound: there is no such row.
var ErrNotFound = errors.New("not found")

// Store is the Director's memory.
type Store struct {
	db *database.DB
}

// Open opens or makes the file at path.
func Open(ctx context.Context, path string) (*Store, error) {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	db, err := database.Open(ctx, path, folder)
	if err != nil {
		return nil, fmt.Errorf("open the Director's state: %w", err)
	}
	return &Store{db: db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// write runs work in one transaction.
func (s *Store) write(ctx context.Context, work func(context.Context, bun.Tx) error) error {
	return s.db.Write.RunInTx(ctx, nil, work)
}

// setting is a value that exists once.
type setting struct {
	bun.BaseModel `bun:"table:settings"`

	Name  string `bun:",pk"`
	Value string
}

// Setting returns the value stored under name, and fallback when there is none.
func (s *Store) Setting(ctx context.Context, name, fallback string) (string, error) {
	row := setting{}
	err := s.db.Read.NewSelect().Model(&row).Where("name = ?", name).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return fallback, nil
	}
	if err != nil {
		return "", fmt.Errorf("read setting %s: %w", name, err)
	}
	return row.Value, nil
}

// SetSetting stores a value under name.
func (s *Store) SetSetting(ctx context.Context, name, value string) error {
	_, err := s.db.Write.NewInsert().Model(&setting{Name: name, Value: value}).
		On("CONFLICT (name) DO UPDATE").Set("value = EXCLUDED.value").Exec(ctx)
	if err != nil {
		return fmt.Errorf("store setting %s: %w", name, err)
	}
	return nil
}

// one turns the driver's "no rows" into ErrNotFound.
func one(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}
