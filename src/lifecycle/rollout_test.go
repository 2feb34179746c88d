package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

var (
	released = pks.Versions{Kubernetes: "1.35.0", Product: "2.0.0"}
	bob      = pks.Principal{Kind: pks.PrincipalUser, Origin: "uaa", ID: "b2", Name: "bob"}
)

// fleet is an engine that is stepped by hand, with clusters that a new version of
// the product has left behind.
type fleet struct {
	rig
	clusters []pks.Cluster
}

func newFleet(t *testing.T, names ...string) fleet {
	t.Helper()
	f := fleet{rig: newRig(t)}
	for _, name := range names {
		f.clusters = append(f.clusters, f.ready(t, name))
	}
	f.cfg.Target = released
	f.broker.release()
	return f
}

func (f fleet) request(canaries, maxInFlight int) RolloutRequest {
	return RolloutRequest{Clusters: f.clusters, Canaries: canaries, MaxInFlight: maxInFlight, By: alice, RequestID: "req-rollout"}
}

func (f fleet) start(t *testing.T, req RolloutRequest) pks.Rollout {
	t.Helper()
	r, err := f.StartRollout(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (f fleet) read(t *testing.T, id string) pks.Rollout {
	t.Helper()
	r, err := f.Rollout(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// end brings the running upgrade of the named cluster to its end.
func (f fleet) end(t *testing.T, r pks.Rollout, name string) pks.Rollout {
	t.Helper()
	for _, turn := range f.read(t, r.ID).Clusters {
		if turn.ClusterName == name {
			stepUntilSettledByID(t, f.Engine, turn.OperationID)
		}
	}
	return f.read(t, r.ID)
}

// told is a rollout in one line: "active | a:running b:queued".
func told(r pks.Rollout) string {
	line := string(r.State) + " |"
	for _, turn := range r.Clusters {
		line += " " + turn.ClusterName + ":" + string(turn.State)
	}
	if r.Ended() {
		line += " | ended"
	}
	return line
}

func wantRollout(t *testing.T, r pks.Rollout, want string) {
	t.Helper()
	if diff := cmp.Diff(want, told(r)); diff != "" {
		t.Error(diff)
	}
}

func TestCanariesGoOneByOneThenTheOthersTogether(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b", "c", "d", "e")
	r := f.start(t, f.request(2, 2))
	wantRollout(t, r, "active | a:running b:queued c:queued d:queued e:queued")
	r = f.end(t, r, "a")
	wantRollout(t, r, "active | a:succeeded b:running c:queued d:queued e:queued")
	r = f.end(t, r, "b")
	wantRollout(t, r, "active | a:succeeded b:succeeded c:running d:running e:queued")
	r = f.end(t, r, "d")
	wantRollout(t, r, "active | a:succeeded b:succeeded c:running d:succeeded e:running")
	r = f.end(t, r, "e")
	wantRollout(t, r, "active | a:succeeded b:succeeded c:running d:succeeded e:succeeded")
	r = f.end(t, r, "c")
	wantRollout(t, r, "done | a:succeeded b:succeeded c:succeeded d:succeeded e:succeeded | ended")

	if got := f.broker.upgrades(); len(got) != 5 {
		t.Errorf("the broker began %d upgrades, want 5", len(got))
	}
	for i, turn := range r.Clusters {
		if turn.StartedAt.IsZero() || turn.EndedAt.Before(turn.StartedAt) || turn.Canary != (i < 2) || turn.Reason != "" {
			t.Errorf("turn %+v", turn)
		}
		c := f.cluster(t, turn.ClusterID)
		if c.Versions() != released || c.OperationID != turn.OperationID || c.LastAction != pks.ActionUpgrade || c.RolloutID != "" {
			t.Errorf("cluster %+v", c)
		}
		wantDescription(t, c, pks.ActionSucceeded, "Instance upgrade completed")
	}
}

func TestClustersReadAsWaitingUntilTheirTurn(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	r := f.start(t, f.request(0, 1))
	for name, want := range map[string]string{"a": "", "b": r.ID} {
		c, err := f.Cluster(t.Context(), name)
		if err != nil || c.RolloutID != want {
			t.Errorf("%s waits in %q, want %q; %v", name, c.RolloutID, want, err)
		}
	}
	f.end(t, r, "a")
	if c := f.cluster(t, f.clusters[1].ID); c.RolloutID != "" || c.LastAction != pks.ActionUpgrade {
		t.Errorf("in its turn: %+v", c)
	}
}

func TestFailedCanaryStopsTheRollout(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b", "c", "d")
	r := f.start(t, f.request(2, 2))
	r = f.end(t, r, "a")
	f.broker.failTasks("Failed for bosh task: 7")
	r = f.end(t, r, "b")
	wantRollout(t, r, "done | a:succeeded b:failed c:left out d:left out | ended")
	if reason := r.Clusters[1].Reason; !strings.Contains(reason, "bosh task: 7") {
		t.Errorf("reason of the canary: %q", reason)
	}
	if reason := r.Clusters[2].Reason; reason != canaryFailed {
		t.Errorf("reason of who was left out: %q", reason)
	}
	for _, c := range f.clusters[1:] {
		if now := f.cluster(t, c.ID); now.Versions() == released || now.RolloutID != "" {
			t.Errorf("%s: %+v", now.Name, now)
		}
	}
	if got := f.broker.upgrades(); len(got) != 2 {
		t.Errorf("the broker began %d upgrades, want 2", len(got))
	}
}

func TestOtherFailuresDoNotStopTheRollout(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b", "c")
	f.broker.failTasks("it broke")
	r := f.start(t, f.request(0, 1))
	r = f.end(t, r, "a")
	wantRollout(t, r, "active | a:failed b:running c:queued")
	f.broker.failTasks("")
	r = f.end(t, r, "b")
	r = f.end(t, r, "c")
	wantRollout(t, r, "done | a:failed b:succeeded c:succeeded | ended")
}

func TestClustersAtTheTargetAreSettledWithoutWork(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	r := f.start(t, f.request(1, 5))
	f.end(t, r, "a")
	f.end(t, r, "b")
	calls := len(f.broker.called())
	f.clusters = []pks.Cluster{f.cluster(t, f.clusters[0].ID), f.cluster(t, f.clusters[1].ID)}
	again := f.start(t, f.request(1, 5))
	wantRollout(t, again, "done | a:up to date b:up to date | ended")
	if again.ID == r.ID || again.StartedAt.IsZero() || len(f.broker.called()) != calls {
		t.Errorf("%+v, %d calls more", again, len(f.broker.called())-calls)
	}
	// A cluster that came to the target on the way to its turn is passed over too.
	stale := f.clusters[0]
	stale.KubernetesVersion = "1.34.2"
	req := f.request(1, 5)
	req.Clusters = []pks.Cluster{stale}
	wantRollout(t, f.start(t, req), "done | a:up to date | ended")
}

func TestForcedRolloutAsksTheBrokerForEveryCluster(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a")
	f.cfg.Target = f.clusters[0].Versions()
	req := f.request(0, 1)
	req.Force = true
	r := f.start(t, req)
	wantRollout(t, r, "active | a:running")
	wantRollout(t, f.end(t, r, "a"), "done | a:succeeded | ended")
	if got := f.broker.upgrades(); len(got) != 1 {
		t.Errorf("the broker began %d upgrades, want 1", len(got))
	}
	// The broker finds nothing to do the second time.
	r = f.end(t, f.start(t, req), "a")
	wantRollout(t, r, "done | a:succeeded | ended")
	if got := f.broker.upgrades(); len(got) != 1 {
		t.Errorf("the broker began %d upgrades, want 1", len(got))
	}
}

func TestRolloutAskedForAgainIsJoined(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b", "c", "d")
	first := f.clusters[:3]
	all := f.clusters
	f.clusters = first
	r := f.start(t, f.request(1, 2))
	f.end(t, r, "a")
	part := func(from, to int) []pks.Cluster {
		var now []pks.Cluster
		for _, c := range all[from:to] {
			now = append(now, f.cluster(t, c.ID))
		}
		return now
	}
	for name, test := range map[string]struct {
		clusters []pks.Cluster
		change   func(*RolloutRequest)
		joins    bool
	}{
		"the same":            {part(0, 3), nil, true},
		"the same, stale":     {first, nil, true},
		"other order":         {part(0, 3), func(r *RolloutRequest) { slices.Reverse(r.Clusters) }, true},
		"what is left":        {part(1, 3), nil, true},
		"with one more":       {part(0, 4), nil, false},
		"another":             {part(3, 4), nil, false},
		"all up to date":      {part(0, 1), nil, false},
		"forced":              {part(0, 3), func(r *RolloutRequest) { r.Force = true }, false},
		"somebody else":       {part(0, 3), func(r *RolloutRequest) { r.By = bob }, false},
		"somebody who may":    {part(0, 3), func(r *RolloutRequest) { r.By, r.MayJoin = bob, func(pks.Rollout) bool { return true } }, true},
		"somebody who mayn't": {part(0, 3), func(r *RolloutRequest) { r.By, r.MayJoin = bob, func(pks.Rollout) bool { return false } }, false},
	} {
		req := f.request(0, 1)
		req.Clusters = test.clusters
		if test.change != nil {
			test.change(&req)
		}
		wanted := f.newRollout(req)
		if got := req.joins(f.read(t, r.ID), wanted); got != test.joins {
			t.Errorf("%s: joins %t, want %t", name, got, test.joins)
		}
	}
	if again := f.start(t, f.request(1, 2)); again.ID != r.ID {
		t.Errorf("a second rollout %s was made", again.ID)
	}
}

func TestFailedClusterIsNotLeftToTheRolloutThatFailedIt(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	f.broker.failTasks("it broke")
	r := f.end(t, f.start(t, f.request(0, 1)), "a")
	if again := f.start(t, f.request(0, 1)); again.ID != r.ID {
		t.Error("the very same request was not joined")
	}
	f.broker.failTasks("")
	req := f.request(0, 1)
	req.Clusters = f.clusters[:1]
	second := f.start(t, req)
	if second.ID == r.ID {
		t.Fatal("the rollout that failed the cluster was joined")
	}
	wantRollout(t, second, "active | a:running")
}

func TestTwoRolloutsShareACluster(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	first := f.request(0, 1)
	first.Clusters = f.clusters[:1]
	one := f.start(t, first)
	two := f.start(t, f.request(0, 2))
	wantRollout(t, two, "active | a:queued b:running")
	f.end(t, one, "a")
	if err := f.lookAtRollout(t.Context(), two.ID); err != nil {
		t.Fatal(err)
	}
	wantRollout(t, f.read(t, two.ID), "active | a:up to date b:running")
	wantRollout(t, f.end(t, two, "b"), "done | a:up to date b:succeeded | ended")
}

func TestBusyClusterIsPassedOverUntilItIsIdle(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b", "c")
	busy := f.update(t, f.clusters[0].ID, 5)
	r := f.start(t, f.request(0, 1))
	wantRollout(t, r, "active | a:queued b:running c:queued")
	if c := f.cluster(t, busy.ID); c.LastAction != pks.ActionUpdate || c.RolloutID != "" {
		t.Errorf("the busy cluster reads %+v", c)
	}
	r = f.end(t, r, "b")
	r = f.end(t, r, "c")
	wantRollout(t, r, "active | a:queued b:succeeded c:succeeded")
	before := f.jobs(t, "rollout")
	stepUntilSettled(t, f.Engine, busy.ID)
	if got := f.jobs(t, "rollout") - before; got != 1 {
		t.Fatalf("%d jobs tell the rollout that the cluster is idle, want 1", got)
	}
	if err := f.lookAtRollout(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	wantRollout(t, f.end(t, r, "a"), "done | a:succeeded b:succeeded c:succeeded | ended")
	if got := f.broker.instances[busy.ID].spec.WorkerInstances; got != 5 {
		t.Errorf("the upgrade left %d workers, want 5", got)
	}
}

func TestBusyCanaryIsWaitedFor(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	busy := f.update(t, f.clusters[0].ID, 5)
	r := f.start(t, f.request(1, 5))
	wantRollout(t, r, "active | a:queued b:queued")
	if !r.StartedAt.IsZero() {
		t.Error("the rollout has started")
	}
	stepUntilSettled(t, f.Engine, busy.ID)
	if err := f.lookAtRollout(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	wantRollout(t, f.read(t, r.ID), "active | a:running b:queued")
}

// put stores the cluster as it is given.
func (r rig) put(t *testing.T, c pks.Cluster) {
	t.Helper()
	err := r.store.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.UpdateCluster(ctx, c) })
	if err != nil {
		t.Fatal(err)
	}
}

// jobs counts the jobs of a kind.
func (r rig) jobs(t *testing.T, kind string) int {
	t.Helper()
	var n int
	err := r.store.Queue().DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM river_job WHERE kind = ?", kind).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWaitingClusterMayBeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b", "c")
	r := f.start(t, f.request(0, 1))
	changed := f.update(t, f.clusters[1].ID, 5)
	if changed.RolloutID != "" {
		t.Error("the change does not show")
	}
	f.delete(t, f.clusters[2].ID)
	stepUntilSettled(t, f.Engine, f.clusters[1].ID)
	stepUntilSettledByID(t, f.Engine, f.cluster(t, f.clusters[2].ID).OperationID)
	r = f.end(t, r, "a")
	wantRollout(t, r, "active | a:succeeded b:running c:queued")
	r = f.end(t, r, "b")
	wantRollout(t, r, "done | a:succeeded b:succeeded c:gone | ended")
	if got := f.broker.instances[changed.ID].spec.WorkerInstances; got != 5 {
		t.Errorf("%d workers, want 5", got)
	}
}

func TestCancelledOperationIsAFailedTurn(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	r := f.start(t, f.request(0, 1))
	if _, err := f.Cancel(t.Context(), CancelRequest{ClusterID: f.clusters[0].ID, By: alice}); err != nil {
		t.Fatal(err)
	}
	stepUntilSettledByID(t, f.Engine, r.Clusters[0].OperationID)
	wantRollout(t, f.read(t, r.ID), "active | a:failed b:running")
}

func TestNewerServerTakesClustersToItsOwnVersions(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a")
	r := f.start(t, f.request(0, 1))
	f.cfg.Target = pks.Versions{Kubernetes: "1.35.1", Product: "2.1.0"} // it was restarted as a later one
	f.end(t, r, "a")
	if got := f.cluster(t, f.clusters[0].ID).Versions(); got != f.cfg.Target {
		t.Errorf("the cluster runs %+v", got)
	}
}

func TestClustersThatCannotBeUpgradedAreRefusedByName(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(*testing.T, fleet)
		code    pks.Code
		turn    string // of a rollout of all
	}{
		"never made": {func(t *testing.T, f fleet) {
			c := f.cluster(t, f.clusters[0].ID)
			c.ReadyAt = time.Time{}
			f.put(t, c)
		}, pks.CodeClusterNotReady, "done | a:failed | ended"},
		"leaving": {func(t *testing.T, f fleet) { f.delete(t, f.clusters[0].ID) }, pks.CodeOperationInProgress, "active | a:queued"},
		"newer": {func(t *testing.T, f fleet) {
			c := f.cluster(t, f.clusters[0].ID)
			c.KubernetesVersion = "1.36.0"
			f.put(t, c)
		}, pks.CodeUpgradeImpossible, "done | a:failed | ended"},
		"too old": {func(t *testing.T, f fleet) {
			c := f.cluster(t, f.clusters[0].ID)
			c.KubernetesVersion = "1.33.0"
			f.put(t, c)
		}, pks.CodeUpgradeImpossible, "done | a:failed | ended"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, "a")
			test.prepare(t, f)
			req := f.request(0, 1)
			req.Clusters = []pks.Cluster{f.cluster(t, f.clusters[0].ID)}
			_, err := f.StartRollout(t.Context(), req)
			if err == nil || pks.AsFailure(err).Code != test.code || !strings.Contains(err.Error(), "luster a") {
				t.Errorf("%v, want %s", err, test.code)
			}
			if all, err := f.store.Rollouts(t.Context(), store.RolloutFilter{}); err != nil || len(all) != 0 {
				t.Errorf("%d rollouts were stored, %v", len(all), err)
			}
			req.All = true
			wantRollout(t, f.start(t, req), test.turn)
		})
	}
}

func TestLargeRolloutOfBusyClustersIsLookedThroughOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for i := range turnsAtOnce + 20 {
		c := mustCreate(t, f.Engine, fmt.Sprintf("c%04d", i)) // which keeps it busy
		c.KubernetesVersion = "1.34.2"
		f.clusters = append(f.clusters, c)
	}
	r := f.start(t, f.request(0, 3))
	if got := r.Tally(); got != (pks.RolloutTally{Queued: turnsAtOnce + 20}) {
		t.Errorf("%+v", got)
	}
	if got := f.jobs(t, "rollout"); got != 0 {
		t.Errorf("%d jobs look again at clusters that are all busy", got)
	}
}

// Each upgrade says anew how many workers go at a time, and a rollout that says
// otherwise is no other's.
func TestNodesParallelIsTheUpgradesOwn(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a")
	req := f.request(0, 1)
	req.Force, req.NodesParallel = true, 2
	r := f.start(t, req)
	other := req
	other.NodesParallel = 1
	if second := f.start(t, other); second.ID == r.ID {
		t.Error("a rollout with another number of workers at a time was joined")
	}
	if again := f.start(t, req); again.ID != r.ID || again.NodesParallel != 2 {
		t.Errorf("the same asked again is %+v", again)
	}
	op, err := f.Operation(t.Context(), f.read(t, r.ID).Clusters[0].OperationID)
	if err != nil || op.Spec.NodesParallel != 2 || op.Previous.NodesParallel != 0 {
		t.Errorf("%+v %v", op, err)
	}
	f.end(t, r, "a")
	if got := f.cluster(t, r.Clusters[0].ClusterID).Spec.NodesParallel; got != 2 {
		t.Errorf("workers at a time: %d", got)
	}
}
