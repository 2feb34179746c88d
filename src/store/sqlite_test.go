package store_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func TestSQLiteFilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	cfg := sqliteConfig(t)
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, cfg)
	if err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.InsertCluster(ctx, pks.Cluster{ID: "1", Name: "demo"})
	}); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(filepath.Dir(cfg.Path), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", d.Name(), info.Mode())
		}
		files++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 3 { // the database, its log and the lock
		t.Errorf("found %d files", files)
	}
}

func TestSQLiteIsForOneProcess(t *testing.T) {
	t.Parallel()
	cfg := sqliteConfig(t)
	first := open(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := store.Open(ctx, cfg); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second opening: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, cfg)
}

func TestSQLiteSurvivesReopening(t *testing.T) {
	t.Parallel()
	cfg := sqliteConfig(t)
	first := open(t, cfg)
	err := first.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.InsertCluster(ctx, pks.Cluster{ID: "1", Name: "demo"})
	})
	if err = errors.Join(err, first.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, cfg).Cluster(t.Context(), "demo"); err != nil {
		t.Error(err)
	}
}

func TestDatabaseFromTheFutureRefused(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"schema": "INSERT INTO schema_version (version_id, is_applied) VALUES (9999, true)",
		"queue":  "INSERT INTO river_migration (line, version) VALUES ('main', 9999)",
	} {
		for kind, cfg := range configs(t) {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				s := open(t, cfg)
				_, err := s.Queue().DB.ExecContext(t.Context(), statement)
				if err = errors.Join(err, s.Close()); err != nil {
					t.Fatal(err)
				}
				if _, err := store.Open(t.Context(), cfg); !errors.Is(err, store.ErrNewerDatabase) {
					t.Errorf("error %v, want %v", err, store.ErrNewerDatabase)
				}
			})
		}
	}
}

// configs has one configuration of each kind that this machine can have.
func configs(t *testing.T) map[string]store.Config {
	all := map[string]store.Config{"sqlite": sqliteConfig(t)}
	if postgres != nil {
		all["postgres"] = store.Config{Driver: store.Postgres, DSN: postgres.Database(t)}
	}
	return all
}

func TestBadConfigurationRefused(t *testing.T) {
	t.Parallel()
	const password = "hunter2"
	folder := t.TempDir()
	notADatabase := filepath.Join(folder, "text")
	if err := os.WriteFile(notADatabase, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		cfg  store.Config
		want string
	}{
		"unknown driver":     {store.Config{Driver: "mysql"}, "mysql"},
		"no path":            {store.Config{Driver: store.SQLite}, "path is missing"},
		"no dsn":             {store.Config{Driver: store.Postgres}, "dsn is missing"},
		"bad dsn":            {store.Config{Driver: store.Postgres, DSN: "postgres://u:" + password + "@h:port/db"}, "not a PostgreSQL connection string"},
		"no server":          {store.Config{Driver: store.Postgres, DSN: pks.Secret("host=" + folder + " user=u dbname=d password=" + password)}, "connect to database"},
		"folder is a file":   {store.Config{Driver: store.SQLite, Path: filepath.Join(notADatabase, "a.db")}, "make folder of database"},
		"path is a folder":   {store.Config{Driver: store.SQLite, Path: folder}, "is a directory"},
		"file is not SQLite": {store.Config{Driver: store.SQLite, Path: notADatabase}, "not a database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), tc.cfg)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want one with %q", err, tc.want)
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("error shows the password: %v", err)
			}
		})
	}
}

func TestLockedDatabaseIsUnavailableAndRecovers(t *testing.T) {
	t.Parallel()
	cfg := sqliteConfig(t)
	s := open(t, cfg)
	// Another program, such as sqlite3, holds the file.
	other, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(cfg.Path)+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	insert := func(ctx context.Context) error {
		return s.Write(ctx, func(ctx context.Context, tx store.Tx) error {
			return tx.InsertCluster(ctx, pks.Cluster{ID: "1", Name: "demo"})
		})
	}
	if code := pks.AsFailure(insert(ctx)).Code; code != pks.CodeStoreUnavailable {
		t.Errorf("write while locked: %s", code)
	}
	if _, err := s.Clusters(t.Context(), store.ClusterFilter{}); err != nil {
		t.Errorf("read while locked: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := insert(t.Context()); err != nil {
		t.Errorf("write after: %v", err)
	}
}
