package lifecycle

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// Create stores a new cluster and the operation that makes it, and returns the
// cluster when both are durable. Its failures are name_taken, host_taken,
// quota_exceeded, invalid_request for a profile that is gone,
// store_unavailable, and store.ErrReceiptExists when the key was used before.
func (e *Engine) Create(ctx context.Context, req CreateRequest) (pks.Cluster, error) {
	now := e.now()
	op := pks.Operation{
		ID: uuid.NewString(), ClusterID: uuid.NewString(), ClusterName: req.Name, PlanID: req.Plan.ID,
		Action: pks.ActionCreate, State: pks.OperationAccepted,
		Spec:        req.Spec.Clone(),
		RequestedBy: req.Owner, RequestID: req.RequestID,
		Description: pks.ActionCreate.Accepted(),
		CreatedAt:   now, UpdatedAt: now,
	}
	op.Spec.ClusterName = req.Name
	cluster := pks.Cluster{
		ID: op.ClusterID, Name: req.Name, Owner: req.Owner,
		PlanID: req.Plan.ID, PlanName: req.Plan.Name,
		Spec:              op.Spec.Clone(),
		KubernetesVersion: req.KubernetesVersion, ProductVersion: req.ProductVersion,
		CreatedAt: now, Revision: 1,
	}
	show(&cluster, op)
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		if err := req.keep(ctx, tx, cluster, now); err != nil {
			return err
		}
		if err := e.admitOn(ctx, tx, req.Plan, true, &cluster, nil, req.QuotaExempt); err != nil {
			return err
		}
		if err := tx.InsertCluster(ctx, cluster); err != nil {
			return err
		}
		if req.DryRun {
			return errDryRun
		}
		return e.accept(ctx, tx, op)
	})
	if errors.Is(err, errDryRun) {
		return cluster, nil
	}
	if err != nil {
		return pks.Cluster{}, e.whileLeaving(ctx, req.Name, err)
	}
	e.began(ctx, []pks.Operation{op})
	return cluster, nil
}

// whileLeaving says so when the cluster that has the name is on its way out:
// another name is not what is wanted then.
func (e *Engine) whileLeaving(ctx context.Context, name string, err error) error {
	taken, ok := errors.AsType[*pks.Failure](err)
	if !ok || taken.Code != pks.CodeNameTaken {
		return err
	}
	holder, lookErr := e.store.Cluster(ctx, name)
	if lookErr != nil || !holder.Busy() || holder.LastAction != pks.ActionDelete {
		return err
	}
	return pks.Failf(pks.CodeNameTaken, "A cluster named %s still exists; it is being deleted.", name).
		WithRemedy("Send the request again when it is gone, or choose another name.")
}

// accept stores the operation, its first event and its job.
func (e *Engine) accept(ctx context.Context, tx store.Tx, op pks.Operation) error {
	if err := tx.InsertOperation(ctx, op); err != nil {
		return err
	}
	first := pks.Event{OperationID: op.ID, Time: op.CreatedAt, State: string(op.State), Message: op.Description}
	if err := tx.AppendEvents(ctx, op.ClusterID, []pks.Event{first}); err != nil {
		return err
	}
	return e.enqueue(ctx, tx, op.ID)
}

func (e *Engine) logAccepted(ctx context.Context, op pks.Operation) {
	e.log.InfoContext(ctx, "Operation accepted",
		"cluster", op.ClusterName, "operation", op.ID, "action", string(op.Action), "request_id", op.RequestID)
}

// show makes the cluster tell of the operation.
func show(c *pks.Cluster, op pks.Operation) {
	c.OperationID = op.ID
	c.RolloutID = "" // whatever it waits for, this is the last action
	c.LastAction = op.Action
	c.LastActionDescription = op.Description
	c.UpdatedAt = op.UpdatedAt
	switch op.State {
	case pks.OperationSucceeded:
		c.LastActionState = pks.ActionSucceeded
	case pks.OperationFailed, pks.OperationCancelled:
		c.LastActionState = pks.ActionFailed
	default:
		c.LastActionState = pks.ActionInProgress
	}
}
