package lifecycle

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// waitForRollout looks at the rollout until it has ended.
func waitForRollout(t *testing.T, s store.Store, id string) pks.Rollout {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := s.Rollout(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if r.Ended() {
			return r
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the rollout never ends: %s", told(r))
		}
	}
}

// outcomeOfRollout is what a run leaves behind, without what differs from run to
// run.
type outcomeOfRollout struct {
	Told      string
	Effective []string
	Versions  []pks.Versions
	Waiting   []string
	Events    []string
}

// rolloutStory rolls a new version out to a canary and two others, one after
// another, kills the engine at the boundary, and returns how it ends and how many
// boundaries there were.
func rolloutStory(t *testing.T, at int) (outcomeOfRollout, int) {
	b := newFakeBroker()
	folder := t.TempDir()
	path, copied := filepath.Join(folder, "first.db"), filepath.Join(folder, "second.db")
	first := openAt(t, path)
	e := newEngine(t, first, b)
	for _, name := range []string{"a", "b", "c"} {
		c := mustCreate(t, e, name)
		stepUntilSettled(t, e, c.ID)
	}
	clusters := allClusters(t, first)
	if _, err := first.Queue().DB.ExecContext(t.Context(), "DELETE FROM river_job"); err != nil {
		t.Fatal(err)
	}
	b.release()
	request := RolloutRequest{Clusters: clusters, Canaries: 1, MaxInFlight: 1, By: alice}

	killer := newAssassin(at, path, copied)
	victim := newEngine(t, mortalStore{first, killer}, mortalBroker{b, killer})
	victim.cfg.Target = released
	if err := victim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	rollout, requestErr := victim.StartRollout(t.Context(), request)
	current, live := store.Store(first), victim
	if at > 0 {
		<-killer.dead
		stop(t, victim)
		if killer.err != nil {
			t.Fatal(killer.err)
		}
		second := openAt(t, copied)
		live = newEngine(t, second, b)
		live.cfg.Target = released
		if err := live.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		current = second
	}
	if requestErr != nil { // not acknowledged: the user asks again, and joins what there is
		var err error
		if rollout, err = live.StartRollout(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	ended := waitForRollout(t, current, rollout.ID)
	all, err := current.Rollouts(t.Context(), store.RolloutFilter{})
	if err != nil || len(all) != 1 {
		t.Errorf("%d rollouts, %v; want 1", len(all), err)
	}
	end := outcomeOfRollout{Told: told(ended), Effective: b.effective()}
	for _, c := range clusters {
		now, err := current.ClusterByID(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		end.Versions, end.Waiting = append(end.Versions, now.Versions()), append(end.Waiting, now.RolloutID)
		events, err := current.Events(t.Context(), c.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			end.Events = append(end.Events, fmt.Sprint(now.Name, " ", event.Seq, " ", event.Percent, " ", event.Message))
		}
	}
	stop(t, live)
	return end, len(killer.passed)
}

func TestRolloutKilledAtAnyBoundaryEndsAsIfNot(t *testing.T) {
	t.Parallel()
	want, boundaries := rolloutStory(t, 0)
	if boundaries < 30 || want.Told != "done | a:succeeded b:succeeded c:succeeded | ended" {
		t.Fatalf("%d boundaries, %+v", boundaries, want)
	}
	for _, at := range everyBoundary(boundaries) {
		t.Run(fmt.Sprint("boundary ", at), func(t *testing.T) {
			t.Parallel()
			got, _ := rolloutStory(t, at)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("ends otherwise (-clean +killed):\n%s", diff)
			}
		})
	}
}

// A database that was put together by hand may lack jobs, or the news of an end.
func TestStartFindsWhatARolloutMissed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	r := f.start(t, f.request(0, 1))
	op := stepUntilSettledByID(t, f.Engine, r.Clusters[0].OperationID)
	turn := f.read(t, r.ID).Clusters[0]
	turn.State, turn.EndedAt, turn.OperationID = pks.TurnRunning, time.Time{}, op.ID
	err := f.store.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.SQL().ExecContext(ctx, "DELETE FROM river_job"); err != nil {
			return err
		}
		return tx.UpdateTurn(ctx, turn)
	})
	if err != nil {
		t.Fatal(err)
	}
	begin(t, f.Engine)
	wantRollout(t, waitForRollout(t, f.store, r.ID), "done | a:succeeded b:succeeded | ended")
}
