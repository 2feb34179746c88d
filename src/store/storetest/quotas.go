package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func insertQuota(t *testing.T, s store.Store, q pks.Quota) pks.Quota {
	t.Helper()
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.InsertQuota(ctx, q) })
	return q
}

func quotasReadBackWhole(t *testing.T, s store.Store) {
	want := []pks.Quota{
		insertQuota(t, s, pks.Quota{Owner: "alice", Limit: pks.Limit{CPU: ptr(0), MemoryGB: ptr(0.1), Clusters: ptr(1)}}),
		insertQuota(t, s, pks.Quota{Owner: "b'o\"b ü$1?", Limit: pks.Limit{MemoryGB: ptr(5.0)}}),
		insertQuota(t, s, pks.Quota{Owner: "cody", Limit: pks.Limit{CPU: ptr(1 << 30)}}),
	}
	got, err := s.Quotas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	changed := pks.Quota{Owner: "cody", Limit: pks.Limit{Clusters: ptr(7)}}
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.UpdateQuota(ctx, changed) })
	one, err := s.Quota(t.Context(), "cody")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(changed, one); diff != "" {
		t.Error(diff)
	}
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.InsertQuota(ctx, changed) })
	wantCode(t, err, pks.CodeNameTaken)
	remove := func(ctx context.Context, tx store.Tx) error { return tx.DeleteQuota(ctx, "cody") }
	write(t, s, remove)
	wantCode(t, s.Write(t.Context(), remove), pks.CodeQuotaNotFound)
	_, err = s.Quota(t.Context(), "cody")
	if f := wantCode(t, err, pks.CodeQuotaNotFound); f.Message() != "The quota owner named: 'cody' not found." {
		t.Errorf("text %q", f.Message())
	}
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.LockQuota(ctx, "cody")
		return err
	})
	wantCode(t, err, pks.CodeQuotaNotFound)
}

func ownedClusters(t *testing.T, s store.Store) {
	first := insertCluster(t, s, newCluster("b"))
	namesake := newCluster("a")
	namesake.Owner = pks.Principal{Kind: pks.PrincipalUser, Origin: "ldap", ID: "other", Name: "alice"}
	insertCluster(t, s, namesake)
	others := newCluster("c")
	others.Owner = robot
	insertCluster(t, s, others)
	want := []pks.Cluster{namesake, first}
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		got, err := tx.OwnedClusters(ctx, "alice")
		if diff := cmp.Diff(names(want), names(got)); diff != "" {
			t.Errorf("in a transaction: %s", diff)
		}
		return err
	})
	got, err := s.Clusters(t.Context(), store.ClusterFilter{OwnerName: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(names(want), names(values(got))); diff != "" {
		t.Errorf("by filter: %s", diff)
	}
}

func names(clusters []pks.Cluster) []string {
	var names []string
	for _, c := range clusters {
		names = append(names, c.Name)
	}
	return names
}

// lockedQuota: who locks a quota sees all that those before it have stored, so
// that a sum over the owner's clusters never exceeds the limit.
func lockedQuota(t *testing.T, s store.Store) {
	const limit = 5
	for _, owner := range []string{"first", "second", "third"} { // the later ones find open connections
		insertQuota(t, s, pks.Quota{Owner: owner, Limit: pks.Limit{Clusters: ptr(limit)}})
		var group errgroup.Group
		for i := range crowd {
			group.Go(func() error {
				return s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
					quota, err := tx.LockQuota(ctx, owner)
					if err != nil {
						return err
					}
					present, err := tx.OwnedClusters(ctx, owner)
					if err != nil || len(present) >= *quota.Limit.Clusters {
						return err
					}
					c := newCluster(fmt.Sprint(owner, i))
					c.Owner.Name = owner
					return tx.InsertCluster(ctx, c)
				})
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		stored, err := s.Clusters(t.Context(), store.ClusterFilter{OwnerName: owner})
		if err != nil {
			t.Fatal(err)
		}
		if len(stored) != limit {
			t.Errorf("%d clusters of the %s owner were let in, want %d", len(stored), owner, limit)
		}
	}
}
