package lifecycle

import (
	"context"
	"slices"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// lockRolloutOf locks the rollout whose operation is to be settled, before
// anything else is locked; nil if there is none.
func (e *Engine) lockRolloutOf(ctx context.Context, tx store.Tx, op pks.Operation) (*pks.Rollout, error) {
	if op.RolloutID == "" || !op.State.Settled() {
		return nil, nil
	}
	rollout, err := tx.LockRollout(ctx, op.RolloutID)
	if err != nil {
		return nil, err
	}
	return &rollout, nil
}

// operationEnded tells rollouts of an operation that the transaction settles: the
// one that the operation is part of goes on at once if the transaction holds its
// lock, and those in which the cluster waits go on soon.
func (e *Engine) operationEnded(ctx context.Context, tx store.Tx, held *pks.Rollout, op pks.Operation) ([]pks.Operation, error) {
	waiting, err := tx.WaitingIn(ctx, op.ClusterID)
	if err != nil {
		return nil, err
	}
	if held == nil && op.RolloutID != "" {
		waiting = append(waiting, op.RolloutID)
	}
	for _, id := range waiting {
		if err := e.enqueueRollout(ctx, tx, id); err != nil {
			return nil, err
		}
	}
	if held == nil {
		return nil, nil
	}
	running, err := tx.Turns(ctx, held.ID, pks.TurnRunning, 0)
	if err != nil {
		return nil, err
	}
	for i, turn := range running {
		if turn.OperationID == op.ID {
			if err := e.turnEnded(ctx, tx, held, turn, op); err != nil {
				return nil, err
			}
			running = slices.Delete(running, i, i+1)
			break
		}
	}
	return e.advance(ctx, tx, *held, running)
}

// turnEnded ends a turn as its operation ended. A canary that failed stops the
// rollout.
func (e *Engine) turnEnded(ctx context.Context, tx store.Tx, r *pks.Rollout, turn pks.RolloutCluster, op pks.Operation) error {
	if op.State == pks.OperationSucceeded {
		return e.endTurn(ctx, tx, &turn, pks.TurnSucceeded, "")
	}
	if err := e.endTurn(ctx, tx, &turn, pks.TurnFailed, op.Description); err != nil {
		return err
	}
	if turn.Canary {
		if r.State == pks.RolloutCancelled {
			return nil
		}
		return e.stopRollout(ctx, tx, r)
	}
	return nil
}

// lookAtRollout brings a rollout up to date with its operations, and on. It may
// be done at any time, any number of times.
func (e *Engine) lookAtRollout(ctx context.Context, id string) error {
	var began []pks.Operation
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		rollout, err := tx.LockRollout(ctx, id)
		if err != nil || rollout.Ended() {
			return err
		}
		turns, err := tx.Turns(ctx, id, pks.TurnRunning, 0)
		if err != nil {
			return err
		}
		var running []pks.RolloutCluster
		for _, turn := range turns {
			op, err := tx.LockOperation(ctx, turn.OperationID)
			if err != nil {
				return err
			}
			if !op.State.Settled() {
				running = append(running, turn)
				continue
			}
			if err := e.turnEnded(ctx, tx, &rollout, turn, op); err != nil {
				return err
			}
		}
		began, err = e.advance(ctx, tx, rollout, running)
		return err
	})
	if err == nil {
		e.began(ctx, began)
	}
	return err
}
