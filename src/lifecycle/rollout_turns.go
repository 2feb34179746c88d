package lifecycle

import (
	"context"
	"errors"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

const (
	// turnsAtOnce bounds how many clusters one transaction looks at.
	turnsAtOnce = 200

	canaryFailed   = "A canary failed."
	cancelledByAsk = "The task was cancelled."
)

// advance gives as many clusters their turn as the rollout allows beside those
// that are running, ends the rollout when nothing is left to do, and returns the
// operations that have begun. The transaction holds the rollout's lock, or has
// just inserted it.
func (e *Engine) advance(ctx context.Context, tx store.Tx, r pks.Rollout, running []pks.RolloutCluster) (began []pks.Operation, err error) {
	if r.State == pks.RolloutActive {
		if began, err = e.giveTurns(ctx, tx, &r, running); err != nil {
			return nil, err
		}
	}
	if len(running)+len(began) == 0 {
		left, err := tx.Turns(ctx, r.ID, pks.TurnQueued, 1)
		if err != nil {
			return nil, err
		}
		if len(left) == 0 {
			r.EndedAt = e.now()
			if r.State != pks.RolloutCancelled {
				r.State = pks.RolloutDone
			}
			e.log.InfoContext(ctx, "Rollout ended", "rollout", r.ID, "state", string(r.State), "request_id", r.RequestID)
		}
	}
	return began, tx.UpdateRollout(ctx, r)
}

func (e *Engine) giveTurns(ctx context.Context, tx store.Tx, r *pks.Rollout, running []pks.RolloutCluster) ([]pks.Operation, error) {
	if len(running) > 0 && running[0].Canary {
		return nil, nil
	}
	op, waits, err := e.giveCanaries(ctx, tx, r, len(running))
	switch {
	case err != nil || waits:
		return nil, err
	case op != nil:
		return []pks.Operation{*op}, nil
	}
	return e.giveOthers(ctx, tx, r, r.MaxInFlight-len(running))
}

// giveCanaries gives the next canary its turn. A canary that something else is
// being done to is waited for, as is the end of what is running. One that fails at
// once stops the rollout.
func (e *Engine) giveCanaries(ctx context.Context, tx store.Tx, r *pks.Rollout, running int) (op *pks.Operation, waits bool, err error) {
	for {
		next, err := tx.Turns(ctx, r.ID, pks.TurnQueued, 1)
		if err != nil || len(next) == 0 || !next[0].Canary {
			return nil, false, err
		}
		turn := next[0]
		if running > 0 {
			return nil, true, nil
		}
		if op, err = e.giveTurn(ctx, tx, r, &turn); err != nil || op != nil {
			return op, false, err
		}
		switch turn.State {
		case pks.TurnQueued:
			return nil, true, nil
		case pks.TurnFailed:
			return nil, true, e.stopRollout(ctx, tx, r)
		}
	}
}

// giveOthers gives so many idle clusters their turn. Those that something else is
// being done to are passed over, and come to their turn when that has ended.
func (e *Engine) giveOthers(ctx context.Context, tx store.Tx, r *pks.Rollout, slots int) ([]pks.Operation, error) {
	var began []pks.Operation
	for seen := 0; len(began) < slots; {
		if seen >= turnsAtOnce {
			return began, e.enqueueRollout(ctx, tx, r.ID) // for another transaction
		}
		turns, err := tx.IdleTurns(ctx, r.ID, min(slots-len(began), turnsAtOnce-seen))
		if err != nil || len(turns) == 0 {
			return began, err
		}
		seen += len(turns)
		for _, turn := range turns {
			op, err := e.giveTurn(ctx, tx, r, &turn)
			if err != nil {
				return nil, err
			}
			if op != nil {
				began = append(began, *op)
			}
		}
	}
	return began, nil
}

// giveTurn begins the upgrade of one cluster. It returns nothing for a cluster
// that needs none, cannot have one, or is busy; the turn then tells which.
func (e *Engine) giveTurn(ctx context.Context, tx store.Tx, r *pks.Rollout, turn *pks.RolloutCluster) (*pks.Operation, error) {
	cluster, err := tx.LockCluster(ctx, turn.ClusterID)
	if f, ok := errors.AsType[*pks.Failure](err); ok && f.Code == pks.CodeClusterNotFound {
		return nil, e.endTurn(ctx, tx, turn, pks.TurnGone, "The cluster was deleted.")
	}
	if err != nil || cluster.Busy() {
		return nil, err
	}
	if r.StartedAt.IsZero() {
		r.StartedAt = e.now()
	}
	if e.upToDate(cluster, r.Force) {
		return nil, e.skip(ctx, tx, turn, cluster, pks.TurnUpToDate, "")
	}
	if err := e.upgradable(cluster); err != nil {
		return nil, e.skip(ctx, tx, turn, cluster, pks.TurnFailed, pks.AsFailure(err).User)
	}
	previous := cluster.Spec.Clone()
	cluster.Spec.NodesParallel = r.NodesParallel
	op := e.operation(pks.ActionUpgrade, cluster, asked{by: r.RequestedBy, requestID: r.RequestID})
	op.Previous, op.RolloutID, op.Target = &previous, r.ID, e.cfg.Target
	op.PreviousMachines = cluster.Machines
	show(&cluster, op)
	if err := tx.UpdateCluster(ctx, cluster); err != nil {
		return nil, err
	}
	if err := e.accept(ctx, tx, op); err != nil {
		return nil, err
	}
	turn.State, turn.OperationID, turn.StartedAt = pks.TurnRunning, op.ID, op.CreatedAt
	return &op, tx.UpdateTurn(ctx, *turn)
}

// skip ends the turn of a cluster that is left as it is.
func (e *Engine) skip(ctx context.Context, tx store.Tx, turn *pks.RolloutCluster, c pks.Cluster, state pks.TurnState, reason string) error {
	if c.RolloutID == turn.RolloutID {
		c.RolloutID = ""
		if err := tx.UpdateCluster(ctx, c); err != nil {
			return err
		}
	}
	return e.endTurn(ctx, tx, turn, state, reason)
}

func (e *Engine) endTurn(ctx context.Context, tx store.Tx, turn *pks.RolloutCluster, state pks.TurnState, reason string) error {
	turn.State, turn.Reason, turn.EndedAt = state, reason, e.now()
	if turn.StartedAt.IsZero() {
		turn.StartedAt = turn.EndedAt
	}
	return tx.UpdateTurn(ctx, *turn)
}

// stopRollout leaves out all that is queued, since a canary failed.
func (e *Engine) stopRollout(ctx context.Context, tx store.Tx, r *pks.Rollout) error {
	r.State = pks.RolloutDone
	_, err := tx.LeaveOut(ctx, r.ID, canaryFailed, e.now())
	return err
}
