package lifecycle

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// Update changes what the request names of a cluster's spec and nothing else
// (DESIGN law 3): the spec is read, changed and stored in one transaction. Its
// failures are cluster_not_found, operation_in_progress, cluster_not_ready for a
// cluster whose creation has not succeeded, host_taken, store_unavailable, and
// the errors of the request's own Precondition and Change.
//
// A request without Change sets the deletion lock alone. That asks nothing of the
// broker, so it is done when Update returns, and the last action stays what it
// was.
func (e *Engine) Update(ctx context.Context, req UpdateRequest) (pks.Cluster, error) {
	if req.Change == nil {
		return e.setDeletionLock(ctx, req)
	}
	asked := asked{clusterID: req.ClusterID, by: req.By, requestID: req.RequestID, precondition: req.Precondition, lock: req.DeletionLock, dryRun: req.DryRun, exempt: req.QuotaExempt}
	return e.change(ctx, pks.ActionUpdate, asked, func(c *pks.Cluster) error {
		if c.ReadyAt.IsZero() {
			return notReady(*c)
		}
		spec, err := req.Change(c.Spec.Clone())
		if err != nil {
			return err
		}
		spec.ClusterName = c.Name
		c.Spec = spec
		return nil
	})
}

// Delete asks for the end of a cluster, also of one whose creation failed. Its
// failures are cluster_not_found, operation_in_progress, deletion_locked,
// store_unavailable, and the error of the request's own Precondition.
func (e *Engine) Delete(ctx context.Context, req DeleteRequest) (pks.Cluster, error) {
	return e.change(ctx, pks.ActionDelete, asked{clusterID: req.ClusterID, by: req.By, requestID: req.RequestID, precondition: req.Precondition}, deletable)
}

func deletable(c *pks.Cluster) error {
	if c.DeletionLock {
		return pks.Failf(pks.CodeDeletionLocked, "Cluster %s is locked against deletion.", c.Name)
	}
	return nil
}

// errDryRun undoes what was only tried.
var errDryRun = errors.New("dry run")

// asked is what all requests for a change have in common.
type asked struct {
	clusterID    string
	by           pks.Principal
	requestID    string
	precondition func(pks.Cluster) error
	lock         *bool
	exempt       bool // from the owner's quota
	keyed        Keyed
	dryRun       bool
}

func (a asked) check(c pks.Cluster) error {
	if a.precondition == nil {
		return nil
	}
	return a.precondition(c)
}

// change stores an operation on a cluster that is not busy.
func (e *Engine) change(ctx context.Context, action pks.Action, asked asked, edit func(*pks.Cluster) error) (pks.Cluster, error) {
	var cluster pks.Cluster
	var op pks.Operation
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		var err error
		if cluster, err = tx.LockCluster(ctx, asked.clusterID); err != nil {
			return err
		}
		if err := asked.check(cluster); err != nil {
			return err
		}
		if cluster.Busy() {
			return store.InProgress(cluster.Name, cluster.LastAction, cluster.OperationID)
		}
		previous, machines := cluster.Spec.Clone(), cluster.Machines
		if err := edit(&cluster); err != nil {
			return err
		}
		if action != pks.ActionDelete {
			if err := e.admit(ctx, tx, &cluster, &previous, asked.exempt); err != nil {
				return err
			}
		}
		if asked.lock != nil {
			cluster.DeletionLock = *asked.lock
		}
		op = e.operation(action, cluster, asked)
		if action != pks.ActionCreate {
			op.Previous = &previous
			op.Description = op.Accepted()
		}
		op.PreviousMachines = machines
		show(&cluster, op)
		if err := tx.UpdateCluster(ctx, cluster); err != nil {
			return err
		}
		if asked.dryRun {
			return errDryRun
		}
		cluster.Revision++ // as the store does
		if err := asked.keyed.keep(ctx, tx, cluster, op.CreatedAt); err != nil {
			return err
		}
		return e.accept(ctx, tx, op)
	})
	if errors.Is(err, errDryRun) {
		return cluster, nil
	}
	if err != nil {
		return pks.Cluster{}, err
	}
	e.began(ctx, []pks.Operation{op})
	return cluster, nil
}

// operation is a new one on the cluster.
func (e *Engine) operation(action pks.Action, c pks.Cluster, asked asked) pks.Operation {
	now := e.now()
	return pks.Operation{
		ID: uuid.NewString(), ClusterID: c.ID, ClusterName: c.Name, PlanID: c.PlanID,
		Action: action, State: pks.OperationAccepted,
		Spec:        c.Spec.Clone(),
		RequestedBy: asked.by, RequestID: asked.requestID, DeletionLock: asked.lock,
		Description: action.Accepted(),
		CreatedAt:   now, UpdatedAt: now,
	}
}

func notReady(c pks.Cluster) *pks.Failure {
	if c.LastAction == pks.ActionCreate && c.Busy() {
		return pks.Failf(pks.CodeClusterNotReady, "Cluster %s is still being created.", c.Name).WithOperation(c.OperationID)
	}
	return pks.Failf(pks.CodeClusterNotReady, "The creation of cluster %s did not succeed.", c.Name).
		WithRemedy("Delete the cluster and create it again.").WithOperation(c.OperationID)
}
