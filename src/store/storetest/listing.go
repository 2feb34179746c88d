package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func values(listed []*pks.Cluster) []pks.Cluster {
	var clusters []pks.Cluster
	for _, c := range listed {
		clusters = append(clusters, *c)
	}
	return clusters
}

// listsFollowChanges holds lists against single reads, whatever changed since the
// list before.
func listsFollowChanges(t *testing.T, s store.Store) {
	var names []string
	byName := map[string]pks.Cluster{}
	for i := range 12 {
		c := insertCluster(t, s, idle(fmt.Sprintf("c%02d", i)))
		names, byName[c.Name] = append(names, c.Name), c
	}
	for step, change := range []func(context.Context, store.Tx) error{
		func(context.Context, store.Tx) error { return nil },
		func(context.Context, store.Tx) error { return nil },
		func(ctx context.Context, tx store.Tx) error {
			c := byName["c03"]
			c.Spec.WorkerInstances, c.LastActionDescription = 9, "changed"
			return tx.UpdateCluster(ctx, c)
		},
		func(ctx context.Context, tx store.Tx) error {
			return tx.InsertRollout(ctx, newRollout(noon, byName["c04"]))
		},
		func(ctx context.Context, tx store.Tx) error {
			rollouts, err := tx.LockRollouts(ctx)
			if err != nil {
				return err
			}
			_, err = tx.LeaveOut(ctx, rollouts[0].ID, "", noon)
			return err
		},
		func(ctx context.Context, tx store.Tx) error { return tx.DeleteCluster(ctx, byName["c05"].ID, noon) },
		func(ctx context.Context, tx store.Tx) error { return tx.InsertCluster(ctx, idle("c05")) },
		func(ctx context.Context, tx store.Tx) error {
			for _, name := range names[6:] {
				c := byName[name]
				c.UpdatedAt = noon.Add(time.Hour)
				if err := tx.UpdateCluster(ctx, c); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		write(t, s, change)
		var want []pks.Cluster
		for _, name := range names {
			if c, err := s.Cluster(t.Context(), name); err == nil {
				want = append(want, c)
			}
		}
		got, err := s.Clusters(t.Context(), store.ClusterFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, values(got), compare...); diff != "" {
			t.Errorf("step %d (-read +listed):\n%s", step, diff)
		}
	}
}
