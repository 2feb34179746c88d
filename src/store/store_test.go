package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pks-community/pks-release/src/store"
	"github.com/pks-community/pks-release/src/store/storetest"
)

// postgres is nil on a machine without a server.
var postgres *storetest.Postgres

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) (code int) {
	server, err := storetest.StartPostgres(context.Background())
	switch {
	case errors.Is(err, storetest.ErrNoPostgres):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	default:
		postgres = server
		defer func() {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}()
	}
	return m.Run()
}

func needPostgres(t *testing.T) *storetest.Postgres {
	t.Helper()
	if postgres == nil {
		t.Skip(storetest.ErrNoPostgres)
	}
	return postgres
}

func open(t *testing.T, cfg store.Config) *store.SQL {
	t.Helper()
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // some cases close it themselves
	return s
}

func sqliteConfig(t *testing.T) store.Config {
	return store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "sub folder", "a ?%#'b.db")}
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, sqliteConfig(t)) })
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	server := needPostgres(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, store.Config{Driver: store.Postgres, DSN: server.Database(t)})
	})
}
