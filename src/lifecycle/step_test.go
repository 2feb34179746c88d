package lifecycle

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

func TestSettledOperationIsNotTouchedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	before, calls := r.cluster(t, c.ID), len(r.broker.called())
	stepOnce(t, r.Engine, c.OperationID)
	if got := len(r.broker.called()); got != calls {
		t.Errorf("%d calls were made for it", got-calls)
	}
	if diff := cmp.Diff(before, r.cluster(t, c.ID), compareAddrs); diff != "" {
		t.Error(diff)
	}
}

func TestOvertakenStepWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := mustCreate(t, r.Engine, "demo")
	stale, err := r.store.Operation(t.Context(), c.OperationID)
	if err != nil {
		t.Fatal(err)
	}
	stepOnce(t, r.Engine, c.OperationID) // another worker submits
	next, err := r.submit(t.Context(), c, stale)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.commit(t.Context(), stale, next); !errors.Is(err, errOvertaken) {
		t.Errorf("commit: %v", err)
	}
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Errorf("operation %+v", op)
	}
	if diff := cmp.Diff([]string{"provision"}, r.broker.effective()); diff != "" {
		t.Error(diff)
	}
}

func TestBrokerThatTellsNoProgressIsGoodEnough(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.noProgress = true
	r.ready(t, "demo")
}

func TestSynchronousBroker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.synchronous = true
	r.broker.script = failing("vms", away("vms"))
	c := mustCreate(t, r.Engine, "demo")
	stepOnce(t, r.Engine, c.OperationID)
	r.broker.script = nil
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Errorf("create: %+v", op)
	}
	c = r.delete(t, c.ID)
	if op := stepUntilSettledByID(t, r.Engine, c.OperationID); op.State != pks.OperationSucceeded {
		t.Errorf("delete: %+v", op)
	}
	if diff := cmp.Diff([]string{"provision", "deprovision"}, r.broker.effective()); diff != "" {
		t.Error(diff)
	}
}

func TestPercentNeverFalls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.polls = 6
	c := mustCreate(t, r.Engine, "demo")
	stepUntilSettled(t, r.Engine, c.ID)
	events, err := r.Events(t.Context(), c.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, e := range events {
		if e.Percent < last {
			t.Errorf("event %d is at %d %% after %d %%", e.Seq, e.Percent, last)
		}
		last = e.Percent
	}
	if last != 100 {
		t.Errorf("ends at %d %%", last)
	}
}
