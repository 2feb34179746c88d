package lifecycle

import (
	"context"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// setDeletionLock sets the lock and nothing else, also while an operation other
// than a deletion is under way. The history tells of it as of an update that was
// done at once.
func (e *Engine) setDeletionLock(ctx context.Context, req UpdateRequest) (pks.Cluster, error) {
	asked := asked{clusterID: req.ClusterID, by: req.By, requestID: req.RequestID, precondition: req.Precondition, lock: req.DeletionLock}
	var cluster pks.Cluster
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		var err error
		if cluster, err = tx.LockCluster(ctx, asked.clusterID); err != nil {
			return err
		}
		if err := asked.check(cluster); err != nil {
			return err
		}
		if cluster.Busy() && cluster.LastAction == pks.ActionDelete {
			return store.InProgress(cluster.Name, cluster.LastAction, cluster.OperationID)
		}
		if asked.lock == nil || *asked.lock == cluster.DeletionLock {
			return nil
		}
		op := e.operation(pks.ActionUpdate, cluster, asked)
		previous := cluster.Spec.Clone()
		op.Previous = &previous
		op.State, op.SettledAt, op.Percent = pks.OperationSucceeded, op.CreatedAt, 100
		op.Description = "Deletion lock lifted"
		if *asked.lock {
			op.Description = "Deletion lock set"
		}
		cluster.DeletionLock, cluster.UpdatedAt = *asked.lock, op.CreatedAt
		if err := tx.UpdateCluster(ctx, cluster); err != nil {
			return err
		}
		cluster.Revision++ // as the store does
		if err := tx.InsertOperation(ctx, op); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, cluster.ID, []pks.Event{
			{OperationID: op.ID, Time: op.CreatedAt, State: string(op.State), Percent: op.Percent, Message: op.Description},
		})
	})
	if err != nil {
		return pks.Cluster{}, err
	}
	return cluster, nil
}
