package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

const versionTable = "schema_version"

// ErrNewerDatabase: a newer program has migrated the database.
var ErrNewerDatabase = errors.New("the database was migrated by a newer version of this program; install that version or a later one")

// Driver is the queue's driver for this database.
func (q Queue) Driver() riverdriver.Driver[*sql.Tx] {
	if q.Dialect == Postgres {
		return riverdatabasesql.New(q.DB)
	}
	return riversqlite.New(q.DB)
}

// migrate brings the tables up, the queue's too.
func migrate(ctx context.Context, q Queue, logger *slog.Logger) error {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return fmt.Errorf("find migrations: %w", err)
	}
	dialect := goose.DialectSQLite3
	if q.Dialect == Postgres {
		dialect = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(dialect, q.DB, files,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	queue, err := rivermigrate.New(q.Driver(), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("read migrations of the queue: %w", err)
	}
	if err := refuseNewer(ctx, q, provider, queue); err != nil {
		return err
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	for _, r := range results {
		logger.InfoContext(ctx, "Database migrated", "version", r.Source.Version, "took", r.Duration)
	}
	migrated, err := queue.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	for _, v := range migrated.Versions {
		logger.InfoContext(ctx, "Queue migrated", "version", v.Version, "took", v.Duration)
	}
	return nil
}

// refuseNewer looks at both histories before either is changed.
func refuseNewer(ctx context.Context, q Queue, provider *goose.Provider, queue *rivermigrate.Migrator[*sql.Tx]) error {
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read version of database: %w", err)
	}
	if current > known {
		return fmt.Errorf("database is at version %d, this program knows %d: %w", current, known, ErrNewerDatabase)
	}
	versions := queue.AllVersions()
	last := versions[len(versions)-1].Version
	applied, err := queueVersion(ctx, q)
	if err != nil {
		return fmt.Errorf("read version of queue: %w", err)
	}
	if applied > last {
		return fmt.Errorf("queue is at version %d, this program knows %d: %w", applied, last, ErrNewerDatabase)
	}
	return nil
}

// queueVersion is 0 for a database without a queue. The queue's own migrator
// cannot be asked: it knows no version later than its last.
func queueVersion(ctx context.Context, q Queue) (int, error) {
	table := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'river_migration'"
	if q.Dialect == Postgres {
		table = "SELECT COUNT(to_regclass('river_migration'))"
	}
	var exists, version int
	if err := q.DB.QueryRowContext(ctx, table).Scan(&exists); err != nil || exists == 0 {
		return 0, err
	}
	err := q.DB.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM river_migration WHERE line = 'main'").Scan(&version)
	return version, err
}
