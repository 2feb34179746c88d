package store_test

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// A full disk: reads go on, nothing is half written, health sees it, and all is
// well again once there is room.
func TestFullDiskIsUnavailableAndRecovers(t *testing.T) {
	t.Parallel()
	s := open(t, store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "pks.db")})
	db := s.Queue().DB // the one connection that writes
	limit := func(pages int) {
		t.Helper()
		var now int
		if err := db.QueryRowContext(t.Context(), "PRAGMA max_page_count = "+strconv.Itoa(pages)).Scan(&now); err != nil {
			t.Fatal(err)
		}
	}
	var used int
	if err := db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&used); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	insert := func(name string) error {
		return s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			return tx.InsertCluster(ctx, pks.Cluster{ID: name, Name: name, Spec: pks.ClusterSpec{MasterHost: name, InsecureRegistries: []string{string(make([]byte, 8192))}}})
		})
	}
	limit(used)
	err := insert("demo")
	if pks.AsFailure(err).Code != pks.CodeStoreUnavailable {
		t.Fatalf("a write to a full disk: %v", err)
	}
	if _, err := s.Cluster(t.Context(), "demo"); pks.AsFailure(err).Code != pks.CodeClusterNotFound {
		t.Errorf("a read from a full disk: %v", err)
	}
	limit(1 << 30)
	if err := insert("demo"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// Every look writes: a table that cannot be written is seen.
func TestPingWrites(t *testing.T) {
	t.Parallel()
	s := open(t, store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "pks.db")})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	var first, second int64
	read := func(into *int64) {
		t.Helper()
		if err := s.Queue().DB.QueryRowContext(t.Context(), "SELECT at FROM health").Scan(into); err != nil {
			t.Fatal(err)
		}
	}
	read(&first)
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if read(&second); second <= first {
		t.Errorf("written at %d, then at %d", first, second)
	}
	if _, err := s.Queue().DB.ExecContext(t.Context(), "PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); pks.AsFailure(err).Code != pks.CodeStoreUnavailable {
		t.Errorf("a database that can be read alone: %v", err)
	}
}
