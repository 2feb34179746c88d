package lifecycle

import (
	"context"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// Update changes what the request names of a cluster's spec and nothing else
// (DESIGN law 3): the spec is read, changed and stored in one transaction. Its
// failures are cluster_not_found, operation_in_progress, cluster_not_ready for a
// cluster whose creation has not succeeded, host_taken, store_unavailable, and
// the error of the request's own Change.
func (e *Engine) Update(ctx context.Context, req UpdateRequest) (pks.Cluster, error) {
	return e.change(ctx, pks.ActionUpdate, req.ClusterID, req.By, req.RequestID, func(c *pks.Cluster) error {
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
// failures are cluster_not_found, operation_in_progress and store_unavailable.
func (e *Engine) Delete(ctx context.Context, req DeleteRequest) (pks.Cluster, error) {
	return e.change(ctx, pks.ActionDelete, req.ClusterID, req.By, req.RequestID, func(*pks.Cluster) error { return nil })
}

// change stores an operation on a cluster that is not busy.
func (e *Engine) change(ctx context.Context, action pks.Action, clusterID string, by pks.Principal, requestID string, edit func(*pks.Cluster) error) (pks.Cluster, error) {
	var cluster pks.Cluster
	var op pks.Operation
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		var err error
		if cluster, err = tx.LockCluster(ctx, clusterID); err != nil {
			return err
		}
		if cluster.Busy() {
			return store.InProgress(cluster.Name, cluster.LastAction, cluster.OperationID)
		}
		previous := cluster.Spec.Clone()
		if err := edit(&cluster); err != nil {
			return err
		}
		now := e.now()
		op = pks.Operation{
			ID: uuid.NewString(), ClusterID: cluster.ID, ClusterName: cluster.Name,
			Action: action, State: pks.OperationAccepted,
			Spec: cluster.Spec.Clone(), Previous: &previous,
			RequestedBy: by, RequestID: requestID,
			Description: action.Accepted(),
			CreatedAt:   now, UpdatedAt: now,
		}
		show(&cluster, op)
		if err := tx.UpdateCluster(ctx, cluster); err != nil {
			return err
		}
		return e.accept(ctx, tx, op)
	})
	if err != nil {
		return pks.Cluster{}, err
	}
	e.logAccepted(ctx, op)
	return cluster, nil
}

func notReady(c pks.Cluster) *pks.Failure {
	if c.LastAction == pks.ActionCreate && c.Busy() {
		return pks.Failf(pks.CodeClusterNotReady, "Cluster %s is still being created.", c.Name).WithOperation(c.OperationID)
	}
	return pks.Failf(pks.CodeClusterNotReady, "The creation of cluster %s did not succeed.", c.Name).
		WithRemedy("Delete the cluster and create it again.").WithOperation(c.OperationID)
}
