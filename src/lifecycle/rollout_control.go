package lifecycle

import (
	"context"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// RolloutControl asks for something to be done about a rollout that goes on. All
// of it touches only clusters whose turn has not come.
type RolloutControl struct {
	RolloutID string
	By        pks.Principal
	RequestID string
}

// PauseRollout keeps clusters from having their turn until the rollout is
// resumed. Its failures, and those of ResumeRollout and CancelRollout, are
// task_not_found, task_ended and store_unavailable; asking twice is the same as
// once.
func (e *Engine) PauseRollout(ctx context.Context, req RolloutControl) (pks.Rollout, error) {
	return e.control(ctx, req, "Rollout paused", pks.RolloutPaused, func(context.Context, store.Tx, pks.Rollout) error { return nil })
}

// ResumeRollout lets a paused rollout go on.
func (e *Engine) ResumeRollout(ctx context.Context, req RolloutControl) (pks.Rollout, error) {
	return e.control(ctx, req, "Rollout resumed", pks.RolloutActive, func(context.Context, store.Tx, pks.Rollout) error { return nil })
}

// CancelRollout leaves out the clusters whose turn has not come. Those at work go
// on to their end.
func (e *Engine) CancelRollout(ctx context.Context, req RolloutControl) (pks.Rollout, error) {
	return e.control(ctx, req, "Rollout cancelled", pks.RolloutCancelled, func(ctx context.Context, tx store.Tx, r pks.Rollout) error {
		_, err := tx.LeaveOut(ctx, r.ID, cancelledByAsk, e.now())
		return err
	})
}

// control puts a rollout into the state, and lets it go on from there.
func (e *Engine) control(ctx context.Context, req RolloutControl, said string, state pks.RolloutState, do func(context.Context, store.Tx, pks.Rollout) error) (pks.Rollout, error) {
	var began []pks.Operation
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		rollout, err := tx.LockRollout(ctx, req.RolloutID)
		switch {
		case err != nil:
			return err
		case rollout.State == state:
			return nil
		case rollout.Ended(), rollout.State == pks.RolloutCancelled, rollout.State == pks.RolloutDone:
			return taskEnded(rollout)
		}
		rollout.State = state
		if err := do(ctx, tx, rollout); err != nil {
			return err
		}
		running, err := tx.Turns(ctx, rollout.ID, pks.TurnRunning, 0)
		if err != nil {
			return err
		}
		began, err = e.advance(ctx, tx, rollout, running)
		return err
	})
	if err != nil {
		return pks.Rollout{}, err
	}
	e.log.InfoContext(ctx, said, "rollout", req.RolloutID, "by", req.By.Name, "request_id", req.RequestID)
	e.began(ctx, began)
	return e.store.Rollout(ctx, req.RolloutID)
}

func taskEnded(r pks.Rollout) *pks.Failure {
	if r.State == pks.RolloutCancelled {
		return pks.Failf(pks.CodeTaskEnded, "Task %s is cancelled.", r.ID)
	}
	return pks.Failf(pks.CodeTaskEnded, "Task %s is done.", r.ID)
}
