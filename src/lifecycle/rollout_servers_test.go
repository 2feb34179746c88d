package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// leftBehind makes clusters by hand and has the broker offer something new.
func leftBehind(t *testing.T, s store.Store, b *fakeBroker, count int) []pks.Cluster {
	t.Helper()
	e := newEngine(t, s, b)
	for i := range count {
		stepUntilSettled(t, e, mustCreate(t, e, fmt.Sprintf("c%02d", i)).ID)
	}
	b.release()
	return allClusters(t, s)
}

func allClusters(t *testing.T, s store.Store) []pks.Cluster {
	t.Helper()
	listed, err := s.Clusters(t.Context(), store.ClusterFilter{})
	if err != nil {
		t.Fatal(err)
	}
	clusters := make([]pks.Cluster, len(listed))
	for i, c := range listed {
		clusters[i] = *c
	}
	return clusters
}

func serverWithTarget(t *testing.T, s store.Store, b Broker) *Engine {
	t.Helper()
	e := newEngine(t, s, b)
	e.cfg.Target = released
	begin(t, e)
	return e
}

func TestTwoServersRollOutEachClusterOnce(t *testing.T) {
	t.Parallel()
	dsn := needPostgres(t).Database(t)
	b := newFakeBroker()
	clusters := leftBehind(t, openPostgres(t, dsn), b, 20)
	one, two := serverWithTarget(t, openPostgres(t, dsn), b), serverWithTarget(t, openPostgres(t, dsn), b)
	r, err := one.StartRollout(t.Context(), RolloutRequest{Clusters: clusters, Canaries: 2, MaxInFlight: 5, By: alice})
	if err != nil {
		t.Fatal(err)
	}
	again, err := two.StartRollout(t.Context(), RolloutRequest{Clusters: clusters, Canaries: 2, MaxInFlight: 5, By: alice})
	if err != nil || again.ID != r.ID {
		t.Errorf("asked again of the other server: %s, %v", again.ID, err)
	}
	if got := waitForRollout(t, two.store, r.ID).Tally(); got != (pks.RolloutTally{Succeeded: 20}) {
		t.Errorf("%+v", got)
	}
	upgrades := b.upgrades()
	slices.Sort(upgrades)
	if got := len(slices.Compact(upgrades)); got != 20 || len(b.upgrades()) != 20 {
		t.Errorf("%d clusters had %d upgrades", got, len(b.upgrades()))
	}
}

// hangingUpgrade answers an upgrade only when it is let go.
type hangingUpgrade struct{ *hangingBroker }

func (b hangingUpgrade) Upgrade(ctx context.Context, in osb.Instance) (osb.Submission, error) {
	b.once.Do(func() { close(b.entered) })
	select {
	case <-b.release:
		return b.Broker.Upgrade(ctx, in)
	case <-ctx.Done():
		return osb.Submission{}, ctx.Err()
	}
}

// TestRolloutOfADeadServerIsTakenOver kills one of two servers in the middle of a
// call, by taking its connections away as the operating system would.
func TestRolloutOfADeadServerIsTakenOver(t *testing.T) {
	t.Parallel()
	dsn := needPostgres(t).Database(t)
	b := newFakeBroker()
	clusters := leftBehind(t, openPostgres(t, dsn), b, 4)
	victimStore := openPostgres(t, dsn)
	hanging := hangingUpgrade{&hangingBroker{Broker: newFakeBroker(), entered: make(chan struct{}), release: make(chan struct{})}}
	victim := newEngine(t, victimStore, hanging)
	victim.cfg.Target = released
	if err := victim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := victim.StartRollout(t.Context(), RolloutRequest{Clusters: clusters, Canaries: 1, MaxInFlight: 2, By: alice})
	if err != nil {
		t.Fatal(err)
	}
	<-hanging.entered
	if err := victimStore.Close(); err != nil {
		t.Fatal(err)
	}
	survivor := serverWithTarget(t, openPostgres(t, dsn), b)
	if got := waitForRollout(t, survivor.store, r.ID).Tally(); got != (pks.RolloutTally{Succeeded: 4}) {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(4, len(b.upgrades())); diff != "" {
		t.Error(diff)
	}
	close(hanging.release)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = victim.Stop(ctx) // it has no database to say good-bye to
}
