package lifecycle

import (
	"context"

	"github.com/pks-community/pks-release/src/pks"
)

// Retry does again what the cluster's last operation failed to do, or was kept
// from doing by a cancel: the same verb with the same spec. Its failures are
// those of Update, and nothing_to_retry.
func (e *Engine) Retry(ctx context.Context, req RetryRequest) (pks.Cluster, error) {
	cluster, err := e.store.ClusterByID(ctx, req.ClusterID)
	if err != nil {
		return pks.Cluster{}, err
	}
	last, err := e.store.Operation(ctx, cluster.OperationID)
	if err != nil {
		return pks.Cluster{}, err
	}
	return e.change(ctx, last.Action, asked{clusterID: req.ClusterID, by: req.By, requestID: req.RequestID, precondition: req.Precondition, exempt: req.QuotaExempt, keyed: req.Keyed}, func(c *pks.Cluster) error {
		if c.OperationID != last.ID || (last.State != pks.OperationFailed && last.State != pks.OperationCancelled) {
			return pks.Failf(pks.CodeNothingToRetry, "The last operation on cluster %s did not fail: %s %s.", c.Name, c.LastAction, c.LastActionState)
		}
		if last.Action == pks.ActionDelete {
			return deletable(c)
		}
		c.Spec = last.Spec.Clone()
		return nil
	})
}
