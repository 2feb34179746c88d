package server

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pks-community/pks-release/src/api/config"
	"github.com/pks-community/pks-release/src/store"
)

// copyDatabase makes or puts back a backup.
func copyDatabase(ctx context.Context, database config.Database, flags flags, stdout io.Writer) error {
	if database.Driver != config.SQLite {
		return errors.New("-backup and -restore are for SQLite; PostgreSQL has pg_dump and pg_restore")
	}
	if flags.backup != "" {
		if err := store.Backup(ctx, database.Path, flags.backup); err != nil {
			return fmt.Errorf("back up %s: %w", database.Path, err)
		}
		_, _ = fmt.Fprintf(stdout, "%s is backed up to %s.\n", database.Path, flags.backup)
		return nil
	}
	if err := store.Restore(ctx, flags.restore, database.Path); err != nil {
		return fmt.Errorf("restore %s: %w", database.Path, err)
	}
	_, _ = fmt.Fprintf(stdout, "%s is what %s was.\n", database.Path, flags.restore)
	return nil
}
