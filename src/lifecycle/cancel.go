package lifecycle

import (
	"context"
	"errors"
	"time"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// Cancel asks for the end of what is being done to a cluster. What had not begun
// is cancelled when Cancel returns, without a trace; anything else is stopped by
// the broker, and the operation then says where it landed. Cancelling twice is
// the same as once. Its failures are cluster_not_found, nothing_to_cancel and
// store_unavailable.
func (e *Engine) Cancel(ctx context.Context, req CancelRequest) (pks.Operation, error) {
	seen, err := e.store.ClusterByID(ctx, req.ClusterID)
	if err != nil {
		return pks.Operation{}, err
	}
	var op pks.Operation
	err = e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		// The operation first, as where its steps are stored: else each could wait
		// for the other.
		var err error
		if op, err = tx.LockOperation(ctx, seen.OperationID); err != nil {
			return err
		}
		cluster, err := tx.LockCluster(ctx, req.ClusterID)
		if err != nil {
			return err
		}
		switch {
		case op.State.Settled() || cluster.OperationID != op.ID:
			return pks.Failf(pks.CodeNothingToCancel, "Nothing is being done to cluster %s.", cluster.Name)
		case !op.CancelRequestedAt.IsZero():
			return nil
		}
		now := e.now()
		op.UpdatedAt = now
		event := pks.Event{OperationID: op.ID, Time: now, Percent: op.Percent, BOSHTask: op.BOSHTask}
		if op.AskedAt.IsZero() && op.RolloutID == "" {
			op = cancelled(op, pks.LandedUntouched).operation
			op.SettledAt = now
			event.State = string(op.State)
			restore(&cluster, op)
		} else {
			op.CancelRequestedAt = now
			op.Description = e.activity(op) + ": it is being cancelled"
			event.State = "cancelling"
		}
		event.Message = op.Description
		show(&cluster, op)
		if err := tx.UpdateOperation(ctx, op); err != nil {
			return err
		}
		if err := tx.UpdateCluster(ctx, cluster); err != nil {
			return err
		}
		if err := tx.AppendEvents(ctx, op.ClusterID, []pks.Event{event}); err != nil {
			return err
		}
		if op.State.Settled() {
			_, err := e.operationEnded(ctx, tx, nil, op)
			return err
		}
		return e.enqueueOnce(ctx, tx, op.ID)
	})
	if err != nil {
		return pks.Operation{}, err
	}
	e.log.InfoContext(ctx, "Cancel accepted", "cluster", op.ClusterName, "operation", op.ID, "by", req.By.Name, "request_id", req.RequestID)
	return op, nil
}

// cancelled settles the operation.
func cancelled(op pks.Operation, landed pks.Landing) outcome {
	op.State, op.Landed = pks.OperationCancelled, landed
	op.Attempts, op.Faults = 0, 0
	op.Description = op.Cancelled(landed)
	return outcome{operation: op, events: []pks.Event{{State: string(op.State), BOSHTask: op.BOSHTask, Message: op.Description}}}
}

// restore gives the cluster the spec back that it had before an operation which
// was cancelled: what nobody wants any more must not come with the next change.
func restore(c *pks.Cluster, op pks.Operation) {
	if op.Previous != nil {
		c.Spec = op.Previous.Clone()
	}
	if op.Rotates() && (op.Landed != pks.LandedUntouched || op.Spec.Certificates.Phase != pks.RotationIntroduced) {
		// Machines may hold certificates of the new authorities: back to the old ones in
		// one deploy would leave these untrusted.
		c.Spec.Certificates = op.Spec.Certificates
	}
	if op.Landed == pks.LandedUntouched {
		c.Machines = op.PreviousMachines
	}
}

// stop asks the broker to end what it does for the operation, and finds out
// where that led.
func (e *Engine) stop(ctx context.Context, cluster pks.Cluster, op pks.Operation) (outcome, error) {
	if op.AskedAt.IsZero() {
		return cancelled(op, pks.LandedUntouched), nil
	}
	stopped, err := e.cfg.Broker.Cancel(ctx, cluster.ID, op.RequestID)
	switch kind := osb.KindOf(err); {
	case err == nil:
		op.BOSHTask = max(op.BOSHTask, stopped.TaskID)
		return e.landed(ctx, cluster, op, stopped.Deployment)
	case ctx.Err() != nil:
		return outcome{}, err
	case kind == osb.Unavailable, kind == osb.Busy:
		return e.waiting(op, "it is being cancelled; "+brokerAway, err), nil
	case kind == osb.Conflict:
		return e.nothingRuns(ctx, cluster, op)
	case kind == osb.Gone && op.Action == pks.ActionDelete:
		return e.succeeded(op), nil
	default:
		return e.uncancelled(ctx, op, err), nil
	}
}

// landed settles an operation that the broker has stopped.
func (e *Engine) landed(ctx context.Context, cluster pks.Cluster, op pks.Operation, deployment string) (outcome, error) {
	switch {
	case deployment == osb.DeploymentChanged:
		// The task had ended by itself, well: the operation goes on from there.
		op.CancelRequestedAt = time.Time{}
		return e.carryOn(ctx, cluster, op)
	case deployment == osb.DeploymentAbsent && op.Action == pks.ActionDelete:
		return e.succeeded(op), nil
	case deployment == osb.DeploymentAbsent:
		return cancelled(op, pks.LandedAbsent), nil
	case deployment == osb.DeploymentIncomplete:
		return cancelled(op, pks.LandedIncomplete), nil
	default:
		return cancelled(op, pks.LandedInconsistent), nil
	}
}

// nothingRuns is for a cancel that found no task.
func (e *Engine) nothingRuns(ctx context.Context, cluster pks.Cluster, op pks.Operation) (outcome, error) {
	if !toBeAsked(op) {
		return e.pollOfCancelled(ctx, cluster, op)
	}
	// What was asked of the broker never arrived, was refused, or is done already.
	_, err := e.cfg.Broker.VMs(ctx, cluster.ID)
	switch kind := osb.KindOf(err); {
	case ctx.Err() != nil:
		return outcome{}, ctx.Err()
	case (kind == osb.NotFound || kind == osb.Gone) && op.Action == pks.ActionDelete:
		return e.succeeded(op), nil
	case kind == osb.NotFound || kind == osb.Gone:
		return cancelled(op, pks.LandedAbsent), nil
	case err != nil:
		return e.waiting(op, "it is being cancelled; "+brokerAway, err), nil
	default:
		return cancelled(op, pks.LandedUnknown), nil
	}
}

// pollOfCancelled looks how an operation ended that may have been stopped by an
// earlier call whose answer was lost, or is between two of its tasks.
func (e *Engine) pollOfCancelled(ctx context.Context, cluster pks.Cluster, op pks.Operation) (outcome, error) {
	last, err := e.cfg.Broker.LastOperation(ctx, instance(cluster, op), op.BrokerOperation)
	switch {
	case err != nil:
		return e.notPolled(ctx, op, err)
	case last.State == domain.Succeeded:
		return e.finish(ctx, cluster, op)
	case last.State == domain.Failed && op.Action == pks.ActionCreate:
		return cancelled(op, pks.LandedIncomplete), nil
	case last.State == domain.Failed:
		return cancelled(op, pks.LandedInconsistent), nil
	default:
		return outcome{operation: op, wait: e.cfg.pace.first}, nil
	}
}

// uncancelled lets the operation go on, since the broker will not stop it.
func (e *Engine) uncancelled(ctx context.Context, op pks.Operation, err error) outcome {
	why := "the broker cannot cancel operations"
	if refused, ok := errors.AsType[*osb.Error](err); ok && refused.Kind != osb.NotFound && refused.Description != "" {
		why = printable(refused.Description)
	}
	e.log.WarnContext(ctx, "Operation not cancelled", "cluster", op.ClusterName, "operation", op.ID, "error", err)
	op.CancelRequestedAt = time.Time{}
	op.Description = e.activity(op)
	return outcome{
		operation: op, wait: e.cfg.pace.first,
		events: []pks.Event{{State: "not cancelled", BOSHTask: op.BOSHTask, Message: "It was not cancelled and goes on: " + why}},
	}
}
