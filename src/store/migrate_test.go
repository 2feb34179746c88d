package store_test

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// A database of every earlier version comes up whole, with what it holds.
func TestDatabasesOfEarlierVersionsComeUp(t *testing.T) {
	t.Parallel()
	files := os.DirFS("migrations")
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) < 2 {
		t.Fatalf("%d migrations, %v", len(names), err)
	}
	for version := 1; version < len(names); version++ {
		for dialect, cfg := range map[goose.Dialect]func(*testing.T) (store.Config, *sql.DB){
			goose.DialectSQLite3: func(t *testing.T) (store.Config, *sql.DB) {
				path := filepath.Join(t.TempDir(), "old.db")
				db, err := sql.Open("sqlite", "file:"+path)
				if err != nil {
					t.Fatal(err)
				}
				return store.Config{Driver: store.SQLite, Path: path}, db
			},
			goose.DialectPostgres: func(t *testing.T) (store.Config, *sql.DB) {
				dsn := needPostgres(t).Database(t)
				db, err := sql.Open("pgx", dsn.Reveal())
				if err != nil {
					t.Fatal(err)
				}
				return store.Config{Driver: store.Postgres, DSN: dsn}, db
			},
		} {
			t.Run(names[version-1]+" "+string(dialect), func(t *testing.T) {
				t.Parallel()
				config, db := cfg(t)
				provider, err := goose.NewProvider(dialect, db, files, goose.WithTableName("schema_version"), goose.WithDisableGlobalRegistry(true))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := provider.UpTo(t.Context(), int64(version)); err != nil {
					t.Fatal(err)
				}
				for _, statement := range []string{
					`INSERT INTO clusters (id, name, host_key, owner_kind, owner_origin, owner_id, owner_name, plan_id, plan_name, spec, master_ips, kubernetes_version,
						product_version, action, action_state, action_description, operation_id, created_at, updated_at, ready_at)
					 VALUES ('c1', 'demo', 'demo.example.com', 'user', 'uaa', 'a1', 'alice', 'p1', 'small', '{"cluster_name":"demo"}', '', '1.34.2',
						'1.0.0', 'CREATE', 'in progress', 'x', 'o1', 1, 2, 0)`,
					`INSERT INTO operations (id, cluster_id, cluster_name, action, state, spec, previous, by_kind, by_origin, by_id, by_name, request_id, broker_operation,
						event_offset, attempts, faults, bosh_task, percent, description, failure, created_at, updated_at, settled_at, gone_at)
					 VALUES ('o1', 'c1', 'demo', 'CREATE', 'running', '{}', '', 'user', 'uaa', 'a1', 'alice', 'r', 'b', 0, 0, 0, 0, 0, 'x', '', 1, 2, 0, 0)`,
				} {
					if _, err := db.ExecContext(t.Context(), statement); err != nil {
						t.Fatal(err)
					}
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				s := open(t, config)
				c, err := s.Cluster(t.Context(), "demo")
				if err != nil || c.Revision < 1 || c.DeletionLock {
					t.Errorf("%+v, %v", c, err)
				}
				op, err := s.Operation(t.Context(), "o1")
				if err != nil || op.State != pks.OperationRunning {
					t.Errorf("%+v, %v", op, err)
				}
				if version == 1 && (op.PlanID != "p1" || op.AskedAt.IsZero()) {
					t.Errorf("an operation of version 1 is %+v", op)
				}
				if err := s.Ping(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
