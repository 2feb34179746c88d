package lifecycle

import (
	"context"
	"testing"

	"github.com/pks-community/pks-release/src/pks"
)

func (f fleet) control(t *testing.T, do func(context.Context, RolloutControl) (pks.Rollout, error), r pks.Rollout) pks.Rollout {
	t.Helper()
	r, err := do(t.Context(), RolloutControl{RolloutID: r.ID, By: alice, RequestID: "req-control"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCancelLeavesOutWhatHasNotBegun(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b", "c")
	r := f.start(t, f.request(0, 2))
	for range 2 { // twice is the same as once
		r = f.control(t, f.CancelRollout, r)
		wantRollout(t, r, "cancelled | a:running b:running c:left out")
	}
	if c := f.cluster(t, f.clusters[2].ID); c.RolloutID != "" || r.Clusters[2].Reason != cancelledByAsk {
		t.Errorf("left out: %+v, %+v", c, r.Clusters[2])
	}
	f.broker.failTasks("it broke")
	r = f.end(t, r, "b")
	wantRollout(t, r, "cancelled | a:running b:failed c:left out")
	f.broker.failTasks("")
	r = f.end(t, r, "a")
	wantRollout(t, r, "cancelled | a:succeeded b:failed c:left out | ended")
	if f.cluster(t, f.clusters[0].ID).Versions() != released {
		t.Error("the upgrade that was running did not go on to its end")
	}
	if again := f.start(t, f.request(0, 2)); again.ID == r.ID {
		t.Error("a cancelled rollout was joined")
	}
}

func TestCancelOfARunningCanaryThatThenFails(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	r := f.control(t, f.CancelRollout, f.start(t, f.request(1, 1)))
	f.broker.failTasks("it broke")
	wantRollout(t, f.end(t, r, "a"), "cancelled | a:failed b:left out | ended")
}

func TestPausedRolloutBeginsNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b", "c")
	r := f.start(t, f.request(1, 2))
	for range 2 {
		r = f.control(t, f.PauseRollout, r)
		wantRollout(t, r, "paused | a:running b:queued c:queued")
	}
	r = f.end(t, r, "a")
	wantRollout(t, r, "paused | a:succeeded b:queued c:queued")
	if err := f.lookAtRollout(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	wantRollout(t, f.read(t, r.ID), "paused | a:succeeded b:queued c:queued")
	if again := f.start(t, f.request(1, 2)); again.ID != r.ID || again.State != pks.RolloutPaused {
		t.Errorf("asked again: %s", told(again))
	}
	for range 2 {
		r = f.control(t, f.ResumeRollout, r)
		wantRollout(t, r, "active | a:succeeded b:running c:running")
	}
	r = f.control(t, f.PauseRollout, r)
	f.end(t, r, "b")
	wantRollout(t, f.end(t, r, "c"), "done | a:succeeded b:succeeded c:succeeded | ended")
}

func TestCanaryThatFailsWhilePausedStopsTheRollout(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	f.broker.failTasks("it broke")
	r := f.control(t, f.PauseRollout, f.start(t, f.request(1, 2)))
	wantRollout(t, f.end(t, r, "a"), "done | a:failed b:left out | ended")
}

func TestEndedRolloutCannotBeControlled(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "a", "b")
	done := f.request(0, 1)
	done.Clusters = f.clusters[:1]
	ended := f.end(t, f.start(t, done), "a")
	cancelled := f.control(t, f.CancelRollout, f.start(t, f.request(0, 1)))
	type verb = func(context.Context, RolloutControl) (pks.Rollout, error)
	for name, test := range map[string]struct {
		do   verb
		id   string
		code pks.Code
	}{
		"pause done":       {f.PauseRollout, ended.ID, pks.CodeTaskEnded},
		"resume done":      {f.ResumeRollout, ended.ID, pks.CodeTaskEnded},
		"cancel done":      {f.CancelRollout, ended.ID, pks.CodeTaskEnded},
		"pause cancelled":  {f.PauseRollout, cancelled.ID, pks.CodeTaskEnded},
		"resume cancelled": {f.ResumeRollout, cancelled.ID, pks.CodeTaskEnded},
		"cancel none":      {f.CancelRollout, "none", pks.CodeTaskNotFound},
	} {
		if _, err := test.do(t.Context(), RolloutControl{RolloutID: test.id, By: alice}); err == nil || pks.AsFailure(err).Code != test.code {
			t.Errorf("%s: %v, want %s", name, err, test.code)
		}
	}
}
