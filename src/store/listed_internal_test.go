package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/pks"
)

func openWithOne(t *testing.T) *SQL {
	t.Helper()
	s, err := Open(t.Context(), Config{Driver: SQLite, Path: filepath.Join(t.TempDir(), "pks.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	err = s.Write(t.Context(), func(ctx context.Context, tx Tx) error {
		return tx.InsertCluster(ctx, pks.Cluster{ID: "a", Name: "demo", Spec: pks.ClusterSpec{ClusterName: "demo", MasterHost: "demo.example.com"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Who lists while others read the same waits for them, and no longer than it may.
func TestListsWaitForTheirTurnToReadWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := openWithOne(t)
	end, err := s.listed.takeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	var group errgroup.Group
	group.Go(func() error {
		_, err := s.Clusters(ctx, ClusterFilter{})
		return err
	})
	left := errors.New("left")
	cancel(left)
	if err := group.Wait(); err == nil {
		t.Error("listed out of turn")
	}
	if few, err := s.Clusters(t.Context(), ClusterFilter{Limit: 1}); err != nil || len(few) != 1 {
		t.Errorf("a short list: %v, %v", few, err)
	}
	end()
	first, err := s.Clusters(t.Context(), ClusterFilter{})
	if err != nil || len(first) != 1 {
		t.Fatalf("%v, %v", first, err)
	}
	again, err := s.Clusters(t.Context(), ClusterFilter{})
	if err != nil || len(again) != 1 || again[0] != first[0] {
		t.Errorf("what stayed as it was is read again: %p %p, %v", first, again, err)
	}
}
