package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func add(ctx context.Context, s *store.SQL, name string) error {
	return s.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.InsertCluster(ctx, pks.Cluster{ID: "id-" + name, Name: name, Spec: pks.ClusterSpec{MasterHost: name + ".example.com"}})
	})
}

func insert(t *testing.T, s *store.SQL, name string) {
	t.Helper()
	if err := add(t.Context(), s, name); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, path string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM clusters ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// What was committed before the backup began is in it, however much is written
// meanwhile; what came later is gone after a restore.
func TestBackupUnderLoadIsRestored(t *testing.T) {
	t.Parallel()
	cfg := sqliteConfig(t)
	s := open(t, cfg)
	for i := range 20 {
		insert(t, s, fmt.Sprintf("before-%02d", i))
	}
	stop, begun, wrote := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			if err := add(t.Context(), s, fmt.Sprintf("meanwhile-%06d", i)); err != nil {
				wrote <- err
				return
			}
			if i == 0 {
				close(begun)
			}
			select {
			case <-stop:
				wrote <- nil
				return
			default:
			}
		}
	}()
	select {
	case <-begun:
	case err := <-wrote:
		t.Fatal(err)
	}
	saved := filepath.Join(t.TempDir(), "saved.db")
	err := store.Backup(t.Context(), cfg.Path, saved)
	close(stop)
	if err := errors.Join(err, <-wrote); err != nil {
		t.Fatal(err)
	}
	insert(t, s, "zz-later")
	want := names(t, saved)
	if len(want) < 20 || want[0] != "before-00" || want[19] != "before-19" {
		t.Fatalf("the backup has %v", want)
	}
	if info, err := os.Stat(saved); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Restore(t.Context(), saved, cfg.Path); err != nil {
		t.Fatal(err)
	}
	again := open(t, cfg)
	if diff := cmp.Diff(want, names(t, cfg.Path)); diff != "" {
		t.Error(diff)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(cfg.Path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ".restored") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestRestoreWhereNothingWas(t *testing.T) {
	t.Parallel()
	cfg := sqliteConfig(t)
	s := open(t, cfg)
	insert(t, s, "demo")
	saved := filepath.Join(t.TempDir(), "saved.db")
	if err := store.Backup(t.Context(), cfg.Path, saved); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "new", "pks-api.db")
	if err := store.Restore(t.Context(), saved, path); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"demo"}, names(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestBackupOverwritesNothing(t *testing.T) {
	t.Parallel()
	cfg := sqliteConfig(t)
	open(t, cfg)
	taken := filepath.Join(t.TempDir(), "taken.db")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Backup(t.Context(), cfg.Path, taken); err == nil {
		t.Error("an existing file was taken")
	}
	if text, err := os.ReadFile(taken); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestBackupOfNoDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	into := filepath.Join(dir, "saved.db")
	if err := store.Backup(t.Context(), filepath.Join(dir, "none.db"), into); err == nil || !strings.Contains(err.Error(), "find the database") {
		t.Error(err)
	}
	if _, err := os.Stat(into); err == nil {
		t.Error("a backup of nothing was made")
	}
}

func TestRestoreIsRefusedWhileInUse(t *testing.T) {
	t.Parallel()
	cfg := sqliteConfig(t)
	s := open(t, cfg)
	insert(t, s, "demo")
	saved := filepath.Join(t.TempDir(), "saved.db")
	if err := store.Backup(t.Context(), cfg.Path, saved); err != nil {
		t.Fatal(err)
	}
	if err := store.Restore(t.Context(), saved, cfg.Path); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Error(err)
	}
}

// A file that cannot be used changes nothing.
func TestUnusableBackupLeavesTheDatabaseAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newer := filepath.Join(dir, "newer.db")
	func() {
		cfg := store.Config{Driver: store.SQLite, Path: newer}
		open(t, cfg)
		db, err := sql.Open("sqlite", "file:"+newer)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if _, err := db.ExecContext(t.Context(), "INSERT INTO schema_version (version_id, is_applied) VALUES (99999, 1)"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
	}()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ from, want string }{
		"newer":   {newer, "newer version of this program"},
		"garbage": {garbage, "not a database"},
		"missing": {filepath.Join(dir, "none.db"), "copy the backup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := sqliteConfig(t)
			s := open(t, cfg)
			insert(t, s, "demo")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := store.Restore(t.Context(), test.from, cfg.Path); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if diff := cmp.Diff([]string{"demo"}, names(t, cfg.Path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
