package lifecycle

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

// rig is an engine that is stepped by hand.
type rig struct {
	*Engine
	broker *fakeBroker
}

func newRig(t *testing.T) rig {
	b := newFakeBroker()
	return rig{newEngine(t, openStore(t), b), b}
}

// ready is a cluster that was created.
func (r rig) ready(t *testing.T, name string) pks.Cluster {
	t.Helper()
	c := mustCreate(t, r.Engine, name)
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Fatalf("create: %+v", op)
	}
	return r.cluster(t, c.ID)
}

func (r rig) cluster(t *testing.T, id string) pks.Cluster {
	t.Helper()
	c, err := r.ClusterByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r rig) update(t *testing.T, id string, workers int) pks.Cluster {
	t.Helper()
	c, err := r.Update(t.Context(), UpdateRequest{ClusterID: id, By: alice, Change: resize(workers)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r rig) delete(t *testing.T, id string) pks.Cluster {
	t.Helper()
	c, err := r.Delete(t.Context(), DeleteRequest{ClusterID: id, By: alice})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func failing(call string, err error) func(string) error {
	return func(called string) error {
		if called == call {
			return err
		}
		return nil
	}
}

func away(call string) error { return &osb.Error{Kind: osb.Unavailable, Call: call} }

func wantDescription(t *testing.T, c pks.Cluster, state pks.ActionState, parts ...string) {
	t.Helper()
	if c.LastActionState != state {
		t.Errorf("state %q, want %q", c.LastActionState, state)
	}
	for _, part := range parts {
		if !strings.Contains(c.LastActionDescription, part) {
			t.Errorf("description %q, want %q in it", c.LastActionDescription, part)
		}
	}
}

func TestBrokerAwayMakesOperationsWait(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"provision", "last operation", "vms"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.broker.script = failing(call, away(call))
			c := mustCreate(t, r.Engine, "demo")
			for range pollFaults + 10 {
				if op := stepOnce(t, r.Engine, c.OperationID); op.State.Settled() {
					t.Fatalf("settled: %+v", op)
				}
			}
			wantDescription(t, r.cluster(t, c.ID), pks.ActionInProgress, "cannot be reached", "by itself")
			events, err := r.Events(t.Context(), c.ID, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			waits := 0
			for _, e := range events {
				if e.State == "waiting" {
					waits++
				}
			}
			if waits != 1 {
				t.Errorf("%d events say that the operation waits, want 1", waits)
			}
			r.broker.script = nil
			if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded || op.Attempts != 0 {
				t.Errorf("after: %+v", op)
			}
			if diff := cmp.Diff([]string{"provision"}, r.broker.effective()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBusyDeploymentMakesOperationWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	r.broker.script = failing("update", &osb.Error{Kind: osb.Busy, Call: "update", Status: 422, Code: "ConcurrencyError"})
	c = r.update(t, c.ID, 5)
	stepOnce(t, r.Engine, c.OperationID)
	wantDescription(t, r.cluster(t, c.ID), pks.ActionInProgress, "Updating cluster", "another task")
	r.broker.script = nil
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Errorf("after: %+v", op)
	}
}

func TestRefusalFailsAtOnceWithTheBrokersWords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.script = failing("provision", &osb.Error{Kind: osb.Refused, Call: "provision", Status: 400, Description: "no such network"})
	c := mustCreate(t, r.Engine, "demo")
	op := stepOnce(t, r.Engine, c.OperationID)
	if op.State != pks.OperationFailed || op.Failure.Code != pks.CodeBrokerRefused || op.Failure.OperationID != op.ID || op.Failure.Remedy == "" {
		t.Errorf("operation %+v, failure %+v", op, op.Failure)
	}
	wantDescription(t, r.cluster(t, c.ID), pks.ActionFailed,
		"Instance provisioning failed: Status: 400; ErrorMessage: <nil>; Description: no such network; ResponseError: <nil>")
}

func TestFaultIsRetriedButNotForEver(t *testing.T) {
	t.Parallel()
	for call, limit := range map[string]int{"provision": submitFaults, "last operation": pollFaults, "vms": pollFaults} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			faults := 0
			r.broker.script = func(called string) error {
				if called == call {
					faults++
					return &osb.Error{Kind: osb.Fault, Call: call, Status: 500, Description: "oops"}
				}
				return nil
			}
			c := mustCreate(t, r.Engine, "demo")
			op := stepUntilSettled(t, r.Engine, c.ID)
			if op.State != pks.OperationFailed || !strings.Contains(op.Failure.User, "oops") {
				t.Errorf("operation %+v", op)
			}
			if faults != limit {
				t.Errorf("asked %d times, want %d", faults, limit)
			}
		})
	}
}

func TestFaultThatPassesDoesNotFail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	left := submitFaults - 1
	r.broker.script = func(call string) error {
		if call == "provision" && left > 0 {
			left--
			return &osb.Error{Kind: osb.Fault, Call: call, Status: 500}
		}
		return nil
	}
	c := mustCreate(t, r.Engine, "demo")
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded || op.Faults != 0 {
		t.Errorf("operation %+v", op)
	}
}

func TestPanicInAStepFailsTheOperationInTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.script = func(string) error { panic("a bug") }
	c := mustCreate(t, r.Engine, "demo")
	op := stepUntilSettled(t, r.Engine, c.ID)
	if op.State != pks.OperationFailed || op.Failure.Code != pks.CodeInternal || strings.Contains(op.Failure.User, "bug") {
		t.Errorf("operation %+v, failure %+v", op, op.Failure)
	}
}

func TestFailedTaskSaysWhy(t *testing.T) {
	t.Parallel()
	for description, want := range map[string]string{
		"Instance provisioning failed: task 1 went wrong": "Instance provisioning failed: task 1 went wrong",
		"quota of the IaaS exceeded":                      "Instance provisioning failed: BOSH task 1: quota of the IaaS exceeded",
		"Instance provisioning failed: ":                  "Instance provisioning failed: BOSH task 1: The broker gave no reason.",
		"Instance provisioning failed: There was a problem completing your request. Please contact your operations team providing the following information: service: p.pks, task-id: 1, operation: create, error-message: disk full": "Instance provisioning failed: BOSH task 1: disk full",
	} {
		t.Run(description, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.broker.taskFails = description
			c := mustCreate(t, r.Engine, "demo")
			op := stepUntilSettled(t, r.Engine, c.ID)
			if op.State != pks.OperationFailed || op.Failure.Code != pks.CodeDeployFailed || op.Failure.BOSHTask != 1 || op.BOSHTask != 1 {
				t.Errorf("operation %+v, failure %+v", op, op.Failure)
			}
			wantDescription(t, r.cluster(t, c.ID), pks.ActionFailed, want)
		})
	}
}

func TestFailedCreateCanBeDeletedButNotChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.taskFails = "no"
	c := mustCreate(t, r.Engine, "demo")
	stepUntilSettled(t, r.Engine, c.ID)
	r.broker.taskFails = ""
	_, err := r.Update(t.Context(), UpdateRequest{ClusterID: c.ID, Change: resize(2)})
	if f := pks.AsFailure(err); f.Code != pks.CodeClusterNotReady || !strings.Contains(f.Remedy, "Delete the cluster") {
		t.Errorf("update: %v", err)
	}
	if _, err := r.Bind(t.Context(), BindRequest{ClusterID: c.ID}); pks.AsFailure(err).Code != pks.CodeClusterNotReady {
		t.Errorf("bind: %v", err)
	}
	r.delete(t, c.ID)
	stepUntilSettled(t, r.Engine, c.ID)
	if _, err := r.Cluster(t.Context(), "demo"); pks.AsFailure(err).Code != pks.CodeClusterNotFound {
		t.Errorf("after delete: %v", err)
	}
	mustCreate(t, r.Engine, "demo") // name and host are free again
}

func TestFailedUpdateCanBeRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	r.broker.taskFails = "no"
	r.update(t, c.ID, 5)
	stepUntilSettled(t, r.Engine, c.ID)
	got := r.cluster(t, c.ID)
	wantDescription(t, got, pks.ActionFailed, "Instance update failed: BOSH task 2: no")
	if got.Spec.WorkerInstances != 5 || len(got.MasterIPs) != 1 {
		t.Errorf("cluster %+v", got)
	}
	r.broker.taskFails = ""
	r.update(t, c.ID, 5)
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Errorf("operation %+v", op)
	}
}

func TestDeleteOfWhatIsGoneSucceeds(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"deprovision", "last operation"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c := r.ready(t, "demo")
			r.broker.script = failing(call, &osb.Error{Kind: osb.Gone, Call: call, Status: 410})
			c = r.delete(t, c.ID)
			op := stepUntilSettledByID(t, r.Engine, c.OperationID)
			if op.State != pks.OperationSucceeded {
				t.Errorf("operation %+v", op)
			}
		})
	}
}

func TestFailedDeleteLeavesTheClusterAndCanBeRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	r.broker.taskFails = "disk is stuck"
	r.delete(t, c.ID)
	stepUntilSettled(t, r.Engine, c.ID)
	wantDescription(t, r.cluster(t, c.ID), pks.ActionFailed, "Instance deletion failed: BOSH task 2: disk is stuck")
	r.broker.taskFails = ""
	c = r.delete(t, c.ID)
	stepUntilSettledByID(t, r.Engine, c.OperationID)
	if _, err := r.Cluster(t.Context(), "demo"); pks.AsFailure(err).Code != pks.CodeClusterNotFound {
		t.Errorf("after delete: %v", err)
	}
}

func TestLostDeploymentIsNamed(t *testing.T) {
	t.Parallel()
	for call, kind := range map[string]osb.Kind{"update": osb.Gone, "vms": osb.NotFound} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c := r.ready(t, "demo")
			r.broker.script = failing(call, &osb.Error{Kind: kind, Call: call, Status: 410})
			r.update(t, c.ID, 5)
			op := stepUntilSettled(t, r.Engine, c.ID)
			if op.State != pks.OperationFailed || op.Failure.Code != pks.CodeDeploymentLost || !strings.Contains(op.Failure.User, c.DeploymentName()) {
				t.Errorf("operation %+v, failure %+v", op, op.Failure)
			}
		})
	}
}

func TestSecondRequestIsRefusedWithTheIDOfTheFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	creating := mustCreate(t, r.Engine, "demo")
	_, err := r.Delete(t.Context(), DeleteRequest{ClusterID: creating.ID})
	if f := pks.AsFailure(err); f.Code != pks.CodeOperationInProgress || f.OperationID != creating.OperationID {
		t.Errorf("delete while creating: %+v", f)
	}
	stepUntilSettled(t, r.Engine, creating.ID)
	updating := r.update(t, creating.ID, 5)
	_, err = r.Update(t.Context(), UpdateRequest{ClusterID: creating.ID, Change: resize(6)})
	if f := pks.AsFailure(err); f.Code != pks.CodeOperationInProgress || f.OperationID != updating.OperationID {
		t.Errorf("update while updating: %+v", f)
	}
	if got := r.cluster(t, creating.ID); got.Spec.WorkerInstances != 5 {
		t.Errorf("the refused request left %d workers", got.Spec.WorkerInstances)
	}
}

func TestTakenNameLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mustCreate(t, r.Engine, "demo")
	if _, err := r.Create(t.Context(), createRequest("demo")); pks.AsFailure(err).Code != pks.CodeNameTaken {
		t.Errorf("second create: %v", err)
	}
	req := createRequest("other")
	req.Spec.MasterHost = "DEMO.example.com"
	if _, err := r.Create(t.Context(), req); pks.AsFailure(err).Code != pks.CodeHostTaken {
		t.Errorf("second create with the host: %v", err)
	}
	ops, err := r.store.UnsettledOperations(t.Context())
	if err != nil || len(ops) != 1 {
		t.Errorf("%d operations, %v; want 1", len(ops), err)
	}
}

func TestNameOfALeavingClusterIsSaidToBecomeFree(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.delete(t, r.ready(t, "demo").ID)
	_, err := r.Create(t.Context(), createRequest("demo"))
	if f := pks.AsFailure(err); f.Code != pks.CodeNameTaken || !strings.Contains(f.User, "is being deleted") || !strings.Contains(f.Remedy, "when it is gone") {
		t.Errorf("while it leaves: %+v", f)
	}
	stepUntilSettledByID(t, r.Engine, c.OperationID)
	if _, err := r.Create(t.Context(), createRequest("demo")); err != nil {
		t.Errorf("when it is gone: %v", err)
	}
}

func TestErrorOfAChangeComesBackAndLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.ready(t, "demo")
	boom := errors.New("boom")
	_, err := r.Update(t.Context(), UpdateRequest{ClusterID: before.ID, Change: func(s pks.ClusterSpec) (pks.ClusterSpec, error) {
		return s, boom
	}})
	if !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(before, r.cluster(t, before.ID), compareAddrs); diff != "" {
		t.Error(diff)
	}
}
