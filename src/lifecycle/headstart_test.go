package lifecycle

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/pks-community/pks-release/src/pks"
)

// seldom makes an engine whose queue has nothing to offer for the time of a test.
func seldom(t *testing.T, b Broker) *Engine {
	t.Helper()
	slow := quick
	slow.fetch = time.Hour
	e, err := New(Config{Store: openStore(t), Broker: b, PollInterval: time.Millisecond, pace: slow, Logger: testLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestStoredOperationsBeginWithoutTheQueue(t *testing.T) {
	t.Parallel()
	e := seldom(t, newFakeBroker())
	begin(t, e)
	c := mustCreate(t, e, "demo")
	if op := waitFor(t, e.store, c.OperationID, isSettled); op.State != pks.OperationSucceeded {
		t.Errorf("operation %+v", op)
	}
}

func TestRolloutGoesOnWithoutTheQueue(t *testing.T) {
	t.Parallel()
	b := newFakeBroker()
	e := seldom(t, b)
	clusters := leftBehind(t, e.store, b, 6)
	e.cfg.Target = released
	begin(t, e)
	r, err := e.StartRollout(t.Context(), RolloutRequest{Clusters: clusters, Canaries: 1, MaxInFlight: 2, By: alice})
	if err != nil {
		t.Fatal(err)
	}
	if got := waitForRollout(t, e.store, r.ID).Tally(); got != (pks.RolloutTally{Succeeded: 6}) {
		t.Errorf("%+v", got)
	}
}

func TestJobLeavesAnOperationInHandAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := mustCreate(t, r.Engine, "demo")
	r.heads.begin()
	if !r.heads.take(c.OperationID, 1) {
		t.Fatal("not taken")
	}
	work := func(job operationJob) error {
		return (&operationWorker{engine: r.Engine}).Work(t.Context(), &river.Job[operationJob]{Args: job})
	}
	err := work(operationJob{OperationID: c.OperationID})
	if snooze, ok := errors.AsType[*river.JobSnoozeError](err); !ok || snooze.Duration <= 0 {
		t.Errorf("the job ends with %v", err)
	}
	if called := r.broker.called(); len(called) != 0 {
		t.Errorf("the job asked for %q", called)
	}
	r.heads.drop(c.OperationID)
	if err := work(operationJob{OperationID: c.OperationID}); err != nil {
		t.Errorf("the job of what is not in hand ends with %v", err)
	}
}

func TestHeadStartsAreBoundedAndEnd(t *testing.T) {
	t.Parallel()
	var h headStarts
	if h.take("early", 10) {
		t.Error("taken before the engine is at work")
	}
	h.begin()
	taken := 0
	for i := range 5 {
		if h.take(fmt.Sprint(i), 3) {
			taken++
		}
	}
	if taken != 3 || h.take("0", 10) {
		t.Errorf("%d taken, or one twice", taken)
	}
	h.close()
	for i := range 3 {
		h.drop(fmt.Sprint(i))
	}
	if h.take("late", 10) || h.holds("0") {
		t.Error("taken by an engine that stops, or held still")
	}
	h.end(t.Context())
	if h.ctx.Err() == nil {
		t.Error("the steps' context goes on")
	}
}
