package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func testPlan() pks.Plan {
	return pks.Plan{
		ID: "plan-1", Name: "small", MasterInstances: 1, WorkerInstances: 3, MaxWorkerInstances: 10,
		MasterVM: pks.MachineSize{CPU: 2, MemoryMB: 4096}, WorkerVM: pks.MachineSize{CPU: 1, MemoryMB: 2048},
	}
}

// quotaRig is a rig whose engine knows the plan of its clusters: each takes 5 CPUs
// and 10 GB with its 3 workers.
func quotaRig(t *testing.T, limit pks.Limit) rig {
	t.Helper()
	r := newRig(t)
	r.cfg.Plans = []pks.Plan{testPlan()}
	if err := r.CreateQuota(t.Context(), pks.Quota{Owner: alice.Name, Limit: limit}); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCreateBeyondTheQuotaIsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limit pks.Limit
		want  string
	}{
		"CPUs":     {pks.Limit{CPU: new(9)}, "The quota of alice would be exceeded: limit 9 CPUs, 5 in use, 5 more requested."},
		"memory":   {pks.Limit{MemoryGB: new(19.5)}, "The quota of alice would be exceeded: limit 19.5 GB of memory, 10 in use, 10 more requested."},
		"clusters": {pks.Limit{Clusters: new(1)}, "The quota of alice would be exceeded: limit 1 clusters, 1 in use, 1 more requested."},
		"all": {pks.Limit{CPU: new(9), MemoryGB: new(19.9), Clusters: new(1)},
			"The quota of alice would be exceeded: limit 9 CPUs, 5 in use, 5 more requested; limit 19.9 GB of memory, 10 in use, 10 more requested; limit 1 clusters, 1 in use, 1 more requested."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := quotaRig(t, test.limit)
			mustCreate(t, r.Engine, "first")
			_, err := r.Create(t.Context(), createRequest("second"))
			wantFailure(t, err, pks.CodeQuotaExceeded, test.want)
			if _, err := r.Cluster(t.Context(), "second"); pks.AsFailure(err).Code != pks.CodeClusterNotFound {
				t.Errorf("the refused cluster: %v", err)
			}
		})
	}
}

func TestZeroKeepsTheOwnerFromMakingClusters(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{CPU: new(0)})
	_, err := r.Create(t.Context(), createRequest("demo"))
	wantFailure(t, err, pks.CodeQuotaExceeded, "The quota of alice would be exceeded: limit 0 CPUs, 0 in use, 5 more requested.")
}

func TestQuotaConcernsItsOwnerAloneAndNoAdministrator(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{Clusters: new(1), CPU: new(5)})
	mustCreate(t, r.Engine, "first")
	other := createRequest("second")
	other.Owner = pks.Principal{Kind: pks.PrincipalUser, Origin: "uaa", ID: "b1", Name: "bob"}
	if _, err := r.Create(t.Context(), other); err != nil {
		t.Errorf("another owner: %v", err)
	}
	exempt := createRequest("third")
	exempt.QuotaExempt = true
	if _, err := r.Create(t.Context(), exempt); err != nil {
		t.Errorf("an administrator: %v", err)
	}
	namesake := createRequest("fourth")
	namesake.Owner.Origin, namesake.Owner.ID = "ldap", "x"
	_, err := r.Create(t.Context(), namesake)
	wantFailure(t, err, pks.CodeQuotaExceeded, "The quota of alice would be exceeded: limit 5 CPUs, 10 in use, 5 more requested; limit 1 clusters, 2 in use, 1 more requested.")
}

func (r rig) resize(ctx context.Context, id string, workers int, exempt bool) error {
	_, err := r.Update(ctx, UpdateRequest{ClusterID: id, By: alice, QuotaExempt: exempt, Change: func(s pks.ClusterSpec) (pks.ClusterSpec, error) {
		s.WorkerInstances = workers
		return s, nil
	}})
	return err
}

func TestResizeIsHeldAgainstTheQuotaByWhatItAdds(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{CPU: new(6)})
	c := r.ready(t, "demo")
	wantFailure(t, r.resize(t.Context(), c.ID, 5, false), pks.CodeQuotaExceeded, "The quota of alice would be exceeded: limit 6 CPUs, 5 in use, 2 more requested.")
	if diff := cmp.Diff(3, r.cluster(t, c.ID).Spec.WorkerInstances); diff != "" {
		t.Error(diff)
	}
	if err := r.resize(t.Context(), c.ID, 4, false); err != nil {
		t.Errorf("up to the limit: %v", err)
	}
	stepUntilSettled(t, r.Engine, c.ID)
	if err := r.resize(t.Context(), c.ID, 8, true); err != nil {
		t.Errorf("an administrator: %v", err)
	}
	stepUntilSettled(t, r.Engine, c.ID)
}

// A quota that was lowered below what is in use keeps nobody from shrinking, nor
// from changing what takes nothing.
func TestWhatDoesNotGrowIsNotHeldAgainstTheQuota(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{CPU: new(5)})
	c := r.ready(t, "demo")
	if _, err := r.UpdateQuota(t.Context(), alice.Name, pks.Limit{CPU: new(1)}); err != nil {
		t.Fatal(err)
	}
	if err := r.resize(t.Context(), c.ID, 2, false); err != nil {
		t.Errorf("shrink: %v", err)
	}
	stepUntilSettled(t, r.Engine, c.ID)
	_, err := r.Update(t.Context(), UpdateRequest{ClusterID: c.ID, By: alice, Change: func(s pks.ClusterSpec) (pks.ClusterSpec, error) {
		s.Tags = []pks.Tag{{Name: "a"}}
		return s, nil
	}})
	if err != nil {
		t.Errorf("tags: %v", err)
	}
}

func TestWhatABrokenResizeMayHaveLeftCounts(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{CPU: new(100)})
	c := r.ready(t, "demo")
	r.broker.taskFails = "no space"
	if err := r.resize(t.Context(), c.ID, 9, false); err != nil {
		t.Fatal(err)
	}
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationFailed {
		t.Fatal(op.State)
	}
	want := pks.Machines{Groups: []pks.MachineGroup{
		{Name: "master", Instances: 1, MachineSize: testPlan().MasterVM},
		{Name: "worker", Instances: 9, MachineSize: testPlan().WorkerVM},
	}}
	if diff := cmp.Diff(want, r.cluster(t, c.ID).Machines); diff != "" {
		t.Error(diff)
	}
}

// The fake broker tells of one master and one worker, whatever was asked for.
func TestMachinesAreThoseThatBOSHTellsOf(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{CPU: new(100)})
	c := mustCreate(t, r.Engine, "demo")
	asked := pks.Machines{Groups: []pks.MachineGroup{
		{Name: "master", Instances: 1, MachineSize: testPlan().MasterVM},
		{Name: "worker", Instances: 3, MachineSize: testPlan().WorkerVM},
	}}
	if diff := cmp.Diff(asked, r.cluster(t, c.ID).Machines); diff != "" {
		t.Errorf("while it is made: %s", diff)
	}
	stepUntilSettled(t, r.Engine, c.ID)
	seen := pks.Machines{Observed: true, Groups: []pks.MachineGroup{
		{Name: "master", Instances: 1, MachineSize: testPlan().MasterVM},
		{Name: "worker", Instances: 1, MachineSize: testPlan().WorkerVM},
	}}
	if diff := cmp.Diff(seen, r.cluster(t, c.ID).Machines); diff != "" {
		t.Errorf("after: %s", diff)
	}
}

func TestQuotaOnSizesNeedsPlansThatSayThem(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{CPU: new(100)})
	unsized := createRequest("demo")
	unsized.Plan.WorkerVM = pks.MachineSize{}
	_, err := r.Create(t.Context(), unsized)
	wantFailure(t, err, pks.CodeQuotaExceeded, "The quota of alice limits CPUs and memory, but plan small does not say how large its machines are.")

	counting := quotaRig(t, pks.Limit{Clusters: new(2)})
	if _, err := counting.Create(t.Context(), unsized); err != nil {
		t.Errorf("a quota of clusters alone: %v", err)
	}
}

// Many creates and resizes at once never take more than there is room for.
func TestRacingRequestsNeverExceedTheQuota(t *testing.T) {
	t.Parallel()
	const limit = 23 // CPUs: four clusters of 5, and 3 workers more
	r := quotaRig(t, pks.Limit{CPU: new(limit)})
	first := r.ready(t, "first")
	var group errgroup.Group
	var accepted atomic.Int32
	for i := range 16 {
		group.Go(func() error {
			_, err := r.Create(t.Context(), createRequest(fmt.Sprintf("c%d", i)))
			if err == nil {
				accepted.Add(1)
				return nil
			}
			return unless(pks.CodeQuotaExceeded, err)
		})
		group.Go(func() error {
			return unless(pks.CodeQuotaExceeded, unless(pks.CodeOperationInProgress, r.resize(t.Context(), first.ID, 3+i%7, false)))
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	clusters, err := r.Clusters(t.Context(), store.ClusterFilter{OwnerName: alice.Name})
	if err != nil {
		t.Fatal(err)
	}
	use := 0
	for _, c := range clusters {
		taken, err := committed(*c, testPlan(), true)
		if err != nil {
			t.Fatal(err)
		}
		use += taken.Use().CPU
	}
	if use > limit || len(clusters) != int(accepted.Load())+1 {
		t.Errorf("%d CPUs of %d in %d clusters, %d of which were accepted now", use, limit, len(clusters), accepted.Load())
	}
	if use < limit-5 {
		t.Errorf("only %d CPUs of %d are taken although more was asked for", use, limit)
	}
}

// unless is err, or nil if it is a failure of the code.
func unless(code pks.Code, err error) error {
	if f, ok := errors.AsType[*pks.Failure](err); ok && f.Code == code {
		return nil
	}
	return err
}

func TestQuotaChangesWhatIsNamed(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{CPU: new(5), Clusters: new(2)})
	got, err := r.UpdateQuota(t.Context(), alice.Name, pks.Limit{MemoryGB: new(1.5)})
	if err != nil {
		t.Fatal(err)
	}
	want := pks.Quota{Owner: alice.Name, Limit: pks.Limit{CPU: new(5), MemoryGB: new(1.5), Clusters: new(2)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = r.UpdateQuota(t.Context(), alice.Name, pks.Limit{Clusters: new(0)})
	wantFailure(t, err, pks.CodeInvalidRequest, "limit.cluster is 0; it must be from 1 to 1073741824.")
	_, err = r.UpdateQuota(t.Context(), "nobody", pks.Limit{CPU: new(1)})
	wantFailure(t, err, pks.CodeQuotaNotFound, "The quota owner named: 'nobody' not found.")
	wantFailure(t, r.CreateQuota(t.Context(), want), pks.CodeNameTaken, "alice has a quota already.")
	wantFailure(t, r.CreateQuota(t.Context(), pks.Quota{Owner: "bob"}), pks.CodeInvalidRequest, "limit has neither cpu nor memory nor cluster.")
	if err := r.DeleteQuota(t.Context(), alice.Name); err != nil {
		t.Error(err)
	}
	wantFailure(t, r.DeleteQuota(t.Context(), alice.Name), pks.CodeQuotaNotFound, "The quota owner named: 'alice' not found.")
	_, err = r.store.Quota(t.Context(), alice.Name)
	wantFailure(t, err, pks.CodeQuotaNotFound, "The quota owner named: 'alice' not found.")
}

// A resize that was cancelled before it began gives back what was kept free for it.
func TestCancelledResizeMakesRoomAgain(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{CPU: new(11)})
	c := r.ready(t, "demo")
	if err := r.resize(t.Context(), c.ID, 9, false); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, r.whetherCreated(t, "second"), pks.CodeQuotaExceeded, "The quota of alice would be exceeded: limit 11 CPUs, 11 in use, 5 more requested.")
	if _, err := r.Cancel(t.Context(), CancelRequest{ClusterID: c.ID, By: alice}); err != nil {
		t.Fatal(err)
	}
	if op := stepUntilSettledByID(t, r.Engine, r.cluster(t, c.ID).OperationID); op.Landed != pks.LandedUntouched {
		t.Fatalf("landed %s", op.Landed)
	}
	if err := r.whetherCreated(t, "second"); err != nil {
		t.Error(err)
	}
}

// What is left of a broken resize counts on after a retry that was cancelled before
// it began.
func TestCancelledRetryOfABrokenResizeGivesNothingBack(t *testing.T) {
	t.Parallel()
	r := quotaRig(t, pks.Limit{CPU: new(100)})
	c := r.ready(t, "demo")
	if err := r.resize(t.Context(), c.ID, 9, false); err != nil {
		t.Fatal(err)
	}
	stepUntilSettled(t, r.Engine, c.ID)
	r.broker.taskFails = "no space"
	for _, workers := range []int{12, 2} {
		if err := r.resize(t.Context(), c.ID, workers, false); err != nil {
			t.Fatal(err)
		}
		if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationFailed {
			t.Fatal(op.State)
		}
	}
	want := r.cluster(t, c.ID).Machines
	if want.Groups[1].Instances != 12 {
		t.Fatalf("%+v", want)
	}
	r.retry(t, c)
	if op := r.cancel(t, c); op.Landed != pks.LandedUntouched {
		t.Fatalf("landed %q", op.Landed)
	}
	if diff := cmp.Diff(want, r.cluster(t, c.ID).Machines); diff != "" {
		t.Error(diff)
	}
}

func (r rig) whetherCreated(t *testing.T, name string) error {
	t.Helper()
	_, err := r.Create(t.Context(), createRequest(name))
	return err
}
