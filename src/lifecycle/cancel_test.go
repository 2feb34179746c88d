package lifecycle

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

func (r rig) cancel(t *testing.T, c pks.Cluster) pks.Operation {
	t.Helper()
	op, err := r.Cancel(t.Context(), CancelRequest{ClusterID: c.ID, By: alice})
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func (r rig) retry(t *testing.T, c pks.Cluster) pks.Cluster {
	t.Helper()
	again, err := r.Retry(t.Context(), RetryRequest{ClusterID: c.ID, By: alice})
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func TestCancelBeforeTheBrokerWasAskedLeavesNoTrace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	before := c.Spec
	c = r.update(t, c.ID, 7)
	calls := len(r.broker.called())
	op := r.cancel(t, c)
	if op.State != pks.OperationCancelled || op.Landed != pks.LandedUntouched || op.SettledAt.IsZero() {
		t.Errorf("%+v", op)
	}
	c = r.cluster(t, c.ID)
	wantDescription(t, c, pks.ActionFailed, "Instance update cancelled: nothing was changed")
	if diff := cmp.Diff(before, c.Spec); diff != "" {
		t.Error(diff)
	}
	stepOnce(t, r.Engine, op.ID)
	if got := len(r.broker.called()); got != calls {
		t.Errorf("the broker was called: %v", r.broker.called())
	}
}

// Every verb, cancelled when its operation is submitted and when its task was
// seen, lands in a state that has a name; a retry brings it to its end.
func TestCancelledOperationsSayWhereTheyLanded(t *testing.T) {
	t.Parallel()
	for _, action := range []pks.Action{pks.ActionCreate, pks.ActionUpdate, pks.ActionDelete} {
		for _, steps := range []int{1, 2} {
			for landing, want := range map[string]pks.Landing{
				osb.DeploymentInconsistent: pks.LandedInconsistent, osb.DeploymentIncomplete: pks.LandedIncomplete, osb.DeploymentAbsent: pks.LandedAbsent,
			} {
				t.Run(fmt.Sprint(action, " after ", steps, " ", landing), func(t *testing.T) {
					t.Parallel()
					r := newRig(t)
					r.broker.polls, r.broker.landing = 5, landing
					c := r.begun(t, action)
					for range steps {
						stepOnce(t, r.Engine, c.OperationID)
					}
					asked := r.cancel(t, c)
					if asked.State.Settled() || asked.CancelRequestedAt.IsZero() {
						t.Errorf("%+v", asked)
					}
					wantDescription(t, r.cluster(t, c.ID), pks.ActionInProgress, "is being cancelled")
					if again := r.cancel(t, c); !again.CancelRequestedAt.Equal(asked.CancelRequestedAt) {
						t.Errorf("cancelling twice: %+v", again)
					}
					op := stepOnce(t, r.Engine, c.OperationID)
					if action == pks.ActionDelete && landing == osb.DeploymentAbsent {
						if op.State != pks.OperationSucceeded {
							t.Errorf("%+v", op)
						}
						return
					}
					if op.State != pks.OperationCancelled || op.Landed != want {
						t.Errorf("landed %q in state %s, want %q", op.Landed, op.State, want)
					}
					wantDescription(t, r.cluster(t, c.ID), pks.ActionFailed, action.Cancelled(want))
					if _, err := r.Cancel(t.Context(), CancelRequest{ClusterID: c.ID, By: alice}); pks.AsFailure(err).Code != pks.CodeNothingToCancel {
						t.Errorf("cancel of what has ended: %v", err)
					}
				})
			}
		}
	}
}

// begun is a cluster with an operation of the verb that no step was taken of.
func (r rig) begun(t *testing.T, action pks.Action) pks.Cluster {
	t.Helper()
	switch action {
	case pks.ActionCreate:
		return mustCreate(t, r.Engine, "demo")
	case pks.ActionUpdate:
		return r.update(t, r.ready(t, "demo").ID, 7)
	default:
		return r.delete(t, r.ready(t, "demo").ID)
	}
}

func TestCancelledUpdateIsNotPartOfTheNext(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.polls = 5
	c := r.update(t, r.ready(t, "demo").ID, 7)
	stepOnce(t, r.Engine, c.OperationID)
	r.cancel(t, c)
	stepOnce(t, r.Engine, c.OperationID)
	if got := r.cluster(t, c.ID).Spec.WorkerInstances; got != 3 {
		t.Errorf("%d workers are wanted after the cancel, want 3", got)
	}
	c = r.retry(t, c)
	if c.Spec.WorkerInstances != 7 || c.LastAction != pks.ActionUpdate || c.LastActionState != pks.ActionInProgress {
		t.Errorf("retried as %+v", c)
	}
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Errorf("%+v", op)
	}
	if got := r.broker.instances[c.ID].spec.WorkerInstances; got != 7 {
		t.Errorf("broker has %d workers", got)
	}
}

func TestCancelThatComesTooLateLetsTheOperationSucceed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.polls, r.broker.landing = 3, osb.DeploymentChanged
	c := r.update(t, r.ready(t, "demo").ID, 7)
	stepOnce(t, r.Engine, c.OperationID)
	r.cancel(t, c)
	op := stepUntilSettled(t, r.Engine, c.ID)
	if op.State != pks.OperationSucceeded || !op.CancelRequestedAt.IsZero() {
		t.Errorf("%+v", op)
	}
	if c := r.cluster(t, c.ID); c.Spec.WorkerInstances != 7 {
		t.Errorf("%+v", c)
	}
}

func TestBrokerThatCannotCancelLetsTheOperationGoOn(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]*osb.Error{
		"without the addition": {Kind: osb.NotFound, Call: "cancel", Status: 404},
		"of a team":            {Kind: osb.Fault, Call: "cancel", Status: 403, Description: "the broker's BOSH client may not cancel tasks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.broker.script = failing("cancel", refusal)
			c := r.update(t, r.ready(t, "demo").ID, 7)
			stepOnce(t, r.Engine, c.OperationID)
			r.cancel(t, c)
			if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
				t.Errorf("%+v", op)
			}
			events, err := r.Events(t.Context(), c.ID, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			told := false
			for _, e := range events {
				told = told || e.State == "not cancelled"
			}
			if !told {
				t.Error("no event says that it was not cancelled")
			}
		})
	}
}

// The answer to a cancel is lost: the next look finds what became of it.
func TestCancelWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.polls = 5
	c := r.update(t, r.ready(t, "demo").ID, 7)
	stepOnce(t, r.Engine, c.OperationID)
	r.cancel(t, c)
	if _, err := r.broker.Cancel(t.Context(), c.ID, ""); err != nil { // whose answer nobody got
		t.Fatal(err)
	}
	r.broker.script = failing("cancel", &osb.Error{Kind: osb.Unavailable, Call: "cancel"})
	if op := stepOnce(t, r.Engine, c.OperationID); op.State.Settled() {
		t.Errorf("%+v", op)
	}
	wantDescription(t, r.cluster(t, c.ID), pks.ActionInProgress, "is being cancelled", "by itself")
	r.broker.script = nil
	if op := stepOnce(t, r.Engine, c.OperationID); op.State != pks.OperationCancelled || op.Landed != pks.LandedInconsistent {
		t.Errorf("%+v", op)
	}
}

// The broker was about to be asked when the process died, or it was away: a
// cancel finds out what the broker knows.
func TestCancelOfWhatTheBrokerMayHaveBegun(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		action pks.Action
		state  pks.OperationState
		want   pks.Landing
	}{
		{pks.ActionCreate, pks.OperationCancelled, pks.LandedAbsent},
		{pks.ActionUpdate, pks.OperationCancelled, pks.LandedUnknown},
		{pks.ActionDelete, pks.OperationCancelled, pks.LandedUnknown},
	} {
		t.Run(string(test.action), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c := r.begun(t, test.action)
			r.broker.script = away
			if op := stepOnce(t, r.Engine, c.OperationID); op.State != pks.OperationAccepted || op.AskedAt.IsZero() {
				t.Fatalf("%+v", op)
			}
			r.cancel(t, c)
			if op := stepOnce(t, r.Engine, c.OperationID); op.State.Settled() {
				t.Errorf("settled while the broker is away: %+v", op)
			}
			r.broker.script = nil
			if op := stepUntilSettled(t, r.Engine, c.ID); op.State != test.state || op.Landed != test.want {
				t.Errorf("%s, landed %q", op.State, op.Landed)
			}
		})
	}
}

// A cancel need not wait for the next look at the operation.
func TestCancelIsActedOnAtOnce(t *testing.T) {
	t.Parallel()
	s, b := openStore(t), newFakeBroker()
	b.polls = 1000
	e, err := New(Config{Store: s, Broker: b, PollInterval: 10 * 60 * 1e9, pace: quick, Logger: testLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	begin(t, e)
	c := mustCreate(t, e, "demo")
	waitFor(t, s, c.OperationID, func(op pks.Operation) bool { return op.State == pks.OperationRunning })
	if _, err := e.Cancel(t.Context(), CancelRequest{ClusterID: c.ID, By: alice}); err != nil {
		t.Fatal(err)
	}
	if op := waitFor(t, s, c.OperationID, isSettled); op.State != pks.OperationCancelled {
		t.Errorf("%+v", op)
	}
}

func TestRetryRepeatsWhatFailedAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, action := range []pks.Action{pks.ActionCreate, pks.ActionUpdate, pks.ActionDelete} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c := r.begun(t, action)
			if _, err := r.Retry(t.Context(), RetryRequest{ClusterID: c.ID, By: alice}); pks.AsFailure(err).Code != pks.CodeOperationInProgress {
				t.Errorf("retry of what is under way: %v", err)
			}
			r.broker.taskFails = "no quota left"
			if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationFailed {
				t.Fatalf("%+v", op)
			}
			first, err := r.Operation(t.Context(), c.OperationID)
			if err != nil {
				t.Fatal(err)
			}
			r.broker.taskFails = ""
			if action == pks.ActionCreate {
				delete(r.broker.instances, c.ID) // as a broker does that begins a failed creation anew
			}
			again := r.retry(t, c)
			second, err := r.Operation(t.Context(), again.OperationID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first.Spec, second.Spec); diff != "" || second.Action != action || second.ID == first.ID {
				t.Errorf("%s %s", second.Action, diff)
			}
			if op := stepUntilSettledByID(t, r.Engine, again.OperationID); op.State != pks.OperationSucceeded {
				t.Errorf("%+v", op)
			}
			if action != pks.ActionDelete {
				if _, err := r.Retry(t.Context(), RetryRequest{ClusterID: c.ID, By: alice}); pks.AsFailure(err).Code != pks.CodeNothingToRetry {
					t.Errorf("retry of what succeeded: %v", err)
				}
			}
		})
	}
}
