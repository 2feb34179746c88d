package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// newRollout is one of the clusters, all queued, the first a canary.
func newRollout(at time.Time, clusters ...pks.Cluster) pks.Rollout {
	r := pks.Rollout{
		ID: uuid.NewString(), RequestedBy: alice, RequestID: "req-1",
		Target: pks.Versions{Kubernetes: "1.35.0", Product: "2.0.0"}, MaxInFlight: 3, NodesParallel: 2, State: pks.RolloutActive, CreatedAt: at,
	}
	for i, c := range clusters {
		r.Clusters = append(r.Clusters, pks.RolloutCluster{
			RolloutID: r.ID, Position: i, ClusterID: c.ID, ClusterName: c.Name, Canary: i == 0, State: pks.TurnQueued,
		})
	}
	return r
}

func insertRollout(t *testing.T, s store.Store, r pks.Rollout) pks.Rollout {
	t.Helper()
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.InsertRollout(ctx, r) })
	return r
}

// idle is a cluster with nothing under way.
func idle(name string) pks.Cluster {
	c := newCluster(name)
	c.LastActionState = pks.ActionSucceeded
	return c
}

func wantRollout(t *testing.T, s store.Store, want pks.Rollout) {
	t.Helper()
	got, err := s.Rollout(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func rolloutReadsBackWhole(t *testing.T, s store.Store) {
	r := insertRollout(t, s, newRollout(noon, insertCluster(t, s, idle("a")), insertCluster(t, s, idle("b"))))
	insertRollout(t, s, newRollout(noon, insertCluster(t, s, idle("c")))) // another's clusters are not its own
	wantRollout(t, s, r)

	r.RequestedBy, r.RequestID, r.Target = robot, "req-2", pks.Versions{Kubernetes: "1.36.1", Product: "3"}
	r.MaxInFlight, r.Force, r.State = 7, true, pks.RolloutCancelled
	r.StartedAt, r.EndedAt = noon.Add(time.Second), noon.Add(time.Hour)
	turn := &r.Clusters[1]
	turn.ClusterName, turn.Canary, turn.State = "b'\"\n$ü", true, pks.TurnFailed
	turn.OperationID, turn.Reason, turn.StartedAt, turn.EndedAt = "op-1", "it broke", noon.Add(time.Minute), noon.Add(2*time.Minute)
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		locked, err := tx.LockRollout(ctx, r.ID)
		if err != nil {
			return err
		}
		if locked.ID != r.ID || locked.Clusters != nil {
			t.Errorf("locked %+v", locked)
		}
		if err := tx.UpdateRollout(ctx, r); err != nil {
			return err
		}
		return tx.UpdateTurn(ctx, *turn)
	})
	wantRollout(t, s, r)
}

func unknownRollout(t *testing.T, s store.Store) {
	_, err := s.Rollout(t.Context(), "none")
	wantCode(t, err, pks.CodeTaskNotFound)
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.LockRollout(ctx, "none")
		return err
	})
	wantCode(t, err, pks.CodeTaskNotFound)
	for name, change := range map[string]func(context.Context, store.Tx) error{
		"rollout": func(ctx context.Context, tx store.Tx) error { return tx.UpdateRollout(ctx, newRollout(noon)) },
		"turn": func(ctx context.Context, tx store.Tx) error {
			return tx.UpdateTurn(ctx, pks.RolloutCluster{RolloutID: "none"})
		},
	} {
		if err := s.Write(t.Context(), change); err == nil {
			t.Errorf("%s: an update of none is no error", name)
		}
	}
}

func rolloutsListed(t *testing.T, s store.Store) {
	a, b := insertCluster(t, s, idle("a")), insertCluster(t, s, idle("b"))
	first := newRollout(noon, a, b)
	second := newRollout(noon.Add(time.Minute), b)
	second.RequestedBy = robot
	third := newRollout(noon.Add(2*time.Minute), a)
	third.State, third.EndedAt = pks.RolloutDone, noon.Add(time.Hour)
	for _, r := range []pks.Rollout{second, third, first} {
		insertRollout(t, s, r)
	}
	for name, test := range map[string]struct {
		filter store.RolloutFilter
		want   []pks.Rollout
	}{
		"all":     {store.RolloutFilter{}, []pks.Rollout{third, second, first}},
		"newest":  {store.RolloutFilter{Limit: 2}, []pks.Rollout{third, second}},
		"alice's": {store.RolloutFilter{RequestedBy: &alice}, []pks.Rollout{third, first}},
		"unended": {store.RolloutFilter{Unended: true}, []pks.Rollout{second, first}},
		"none":    {store.RolloutFilter{RequestedBy: &pks.Principal{ID: "x"}}, []pks.Rollout{}},
	} {
		got, err := s.Rollouts(t.Context(), test.filter)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		got, err := tx.LockRollouts(ctx)
		if diff := cmp.Diff([]pks.Rollout{second, first}, got); diff != "" {
			t.Errorf("locked (-want +got):\n%s", diff)
		}
		return err
	})
}

func turnsListed(t *testing.T, s store.Store) {
	var clusters []pks.Cluster
	for i := range 5 {
		clusters = append(clusters, insertCluster(t, s, idle(fmt.Sprint("c", i))))
	}
	r := newRollout(noon, clusters...)
	r.Clusters[1].State = pks.TurnRunning
	insertRollout(t, s, r)
	insertRollout(t, s, newRollout(noon, clusters[3]))
	for name, test := range map[string]struct {
		state pks.TurnState
		limit int
		want  []pks.RolloutCluster
	}{
		"queued":  {pks.TurnQueued, 0, []pks.RolloutCluster{r.Clusters[0], r.Clusters[2], r.Clusters[3], r.Clusters[4]}},
		"running": {pks.TurnRunning, 0, r.Clusters[1:2]},
		"first":   {pks.TurnQueued, 2, []pks.RolloutCluster{r.Clusters[0], r.Clusters[2]}},
		"none":    {pks.TurnFailed, 0, []pks.RolloutCluster{}},
	} {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Turns(ctx, r.ID, test.state, test.limit)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			return err
		})
	}
	busy := clusters[2]
	busy.LastActionState = pks.ActionInProgress
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		if err := tx.UpdateCluster(ctx, busy); err != nil {
			return err
		}
		if err := tx.DeleteCluster(ctx, clusters[4].ID, noon); err != nil {
			return err
		}
		got, err := tx.IdleTurns(ctx, r.ID, 5)
		if diff := cmp.Diff([]pks.RolloutCluster{r.Clusters[0], r.Clusters[3], r.Clusters[4]}, got); diff != "" {
			t.Errorf("idle (-want +got):\n%s", diff)
		}
		return err
	})
	for id, want := range map[string]int{clusters[0].ID: 1, clusters[1].ID: 0, clusters[3].ID: 2, "none": 0} {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			got, err := tx.WaitingIn(ctx, id)
			if len(got) != want {
				t.Errorf("%s waits in %q, want %d", id, got, want)
			}
			return err
		})
	}
}

// marks are the rollouts that the named clusters are marked with.
func marks(t *testing.T, s store.Store, names ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range names {
		c, err := s.Cluster(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = c.RolloutID
	}
	return found
}

func rolloutMarks(t *testing.T, s store.Store) {
	waiting, upToDate, outside := insertCluster(t, s, idle("waiting")), insertCluster(t, s, idle("up-to-date")), insertCluster(t, s, idle("outside"))
	busy := insertCluster(t, s, newCluster("busy"))
	r := newRollout(noon, waiting, busy, upToDate)
	r.Clusters[2].State = pks.TurnUpToDate
	insertRollout(t, s, r)
	want := map[string]string{"waiting": r.ID, "busy": "", "up-to-date": "", "outside": ""}
	if diff := cmp.Diff(want, marks(t, s, "waiting", "busy", "up-to-date", "outside")); diff != "" {
		t.Error(diff)
	}
	marked, err := s.Cluster(t.Context(), "waiting")
	if err != nil || marked.Revision == waiting.Revision {
		t.Errorf("the mark does not count as a change: revision %d, %v", marked.Revision, err)
	}
	marked.RolloutID = ""
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.UpdateCluster(ctx, marked) })
	if diff := cmp.Diff(map[string]string{"waiting": ""}, marks(t, s, "waiting")); diff != "" {
		t.Error(diff)
	}
	_ = outside
}

func leftOutTurns(t *testing.T, s store.Store) {
	a, b, c := insertCluster(t, s, idle("a")), insertCluster(t, s, idle("b")), insertCluster(t, s, idle("c"))
	r := newRollout(noon, a, b)
	r.Clusters[0].State = pks.TurnSucceeded
	insertRollout(t, s, r)
	other := insertRollout(t, s, newRollout(noon, c))
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		n, err := tx.LeaveOut(ctx, r.ID, "cancelled", noon.Add(time.Minute))
		if n != 1 {
			t.Errorf("%d left out, want 1", n)
		}
		return err
	})
	r.Clusters[1].State, r.Clusters[1].Reason, r.Clusters[1].EndedAt = pks.TurnLeftOut, "cancelled", noon.Add(time.Minute)
	wantRollout(t, s, r)
	wantRollout(t, s, other)
	if diff := cmp.Diff(map[string]string{"a": "", "b": "", "c": other.ID}, marks(t, s, "a", "b", "c")); diff != "" {
		t.Error(diff)
	}
}

// oneRolloutAtATime has many look for a rollout and add one if there is none.
func oneRolloutAtATime(t *testing.T, s store.Store) {
	c := insertCluster(t, s, idle("a"))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				known, err := tx.LockRollouts(ctx)
				if err != nil || len(known) > 0 {
					return err
				}
				return tx.InsertRollout(ctx, newRollout(noon, c))
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if all, err := s.Rollouts(t.Context(), store.RolloutFilter{}); err != nil || len(all) != 1 {
		t.Errorf("%d rollouts, %v; want 1", len(all), err)
	}
}

func clustersAtOtherVersions(t *testing.T, s store.Store) {
	at := pks.Versions{Kubernetes: "1.34.2", Product: "1.0.0"}
	insertCluster(t, s, newCluster("a"))
	kubernetes, product := newCluster("b"), newCluster("c")
	kubernetes.KubernetesVersion, product.ProductVersion = "1.33.0", "0.9.0"
	product.Owner = robot
	insertCluster(t, s, kubernetes)
	insertCluster(t, s, product)
	for name, test := range map[string]struct {
		filter store.ClusterFilter
		want   []string
	}{
		"all":     {store.ClusterFilter{NotAt: &at}, []string{"b", "c"}},
		"first":   {store.ClusterFilter{NotAt: &at, Limit: 1}, []string{"b"}},
		"robot's": {store.ClusterFilter{NotAt: &at, Owner: &robot}, []string{"c"}},
	} {
		found, err := s.Clusters(t.Context(), test.filter)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range found {
			got = append(got, c.Name)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func pruneRollouts(t *testing.T, s store.Store) {
	c := insertCluster(t, s, idle("a"))
	old, recent, running := newRollout(noon, c), newRollout(noon, c), newRollout(noon, c)
	old.EndedAt, recent.EndedAt = noon.Add(time.Minute), noon.Add(time.Hour)
	for _, r := range []pks.Rollout{old, recent, running} {
		insertRollout(t, s, r)
	}
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		n, err := tx.PruneRollouts(ctx, noon.Add(2*time.Minute))
		if n != 1 {
			t.Errorf("pruned %d, want 1", n)
		}
		return err
	})
	_, err := s.Rollout(t.Context(), old.ID)
	wantCode(t, err, pks.CodeTaskNotFound)
	wantRollout(t, s, recent)
	wantRollout(t, s, running)
}
