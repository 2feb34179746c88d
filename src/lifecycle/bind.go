package lifecycle

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

const unbindTimeout = 30 * time.Second

// Bind makes fresh credentials of a cluster and returns the document that holds
// them (reference/pks-api.md §6.1). Its failures are cluster_not_found,
// cluster_not_ready, operation_in_progress, broker_unavailable, broker_refused,
// deployment_lost and store_unavailable.
func (e *Engine) Bind(ctx context.Context, req BindRequest) (json.RawMessage, error) {
	cluster, err := e.store.ClusterByID(ctx, req.ClusterID)
	if err != nil {
		return nil, err
	}
	switch {
	case cluster.ReadyAt.IsZero():
		return nil, notReady(cluster)
	case cluster.Busy() && cluster.LastAction == pks.ActionDelete:
		return nil, store.InProgress(cluster.Name, cluster.LastAction, cluster.OperationID)
	}
	binding := osb.Binding{
		InstanceID: cluster.ID, ID: uuid.NewString(), PlanID: cluster.PlanID,
		ClusterName: cluster.Name, User: req.User, WithoutRights: req.WithoutRights, LoginOnly: req.LoginOnly, RequestID: req.RequestID,
	}
	if binding.User == "" {
		binding.User, binding.ServiceAccount = binding.ID, true
	}
	credentials, err := e.cfg.Broker.Bind(ctx, binding)
	if err != nil {
		e.unbindHalfDone(ctx, cluster, binding, err)
		return nil, bindFailure(cluster, err)
	}
	e.log.InfoContext(ctx, "Credentials issued", "cluster", cluster.Name, "binding", binding.ID, "request_id", req.RequestID)
	return credentials, nil
}

// unbindHalfDone removes what a bind may have left that ended without a clear
// answer, also when the one who asked has gone away.
func (e *Engine) unbindHalfDone(ctx context.Context, cluster pks.Cluster, binding osb.Binding, cause error) {
	switch osb.KindOf(cause) {
	case osb.Refused, osb.NotFound, osb.Gone, osb.Conflict, osb.Busy:
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unbindTimeout)
	defer cancel()
	err := e.cfg.Broker.Unbind(ctx, binding)
	if err != nil && osb.KindOf(err) != osb.Gone {
		e.log.WarnContext(ctx, "Credentials of a failed request could not be removed",
			"cluster", cluster.Name, "binding", binding.ID, "request_id", binding.RequestID, "error", err)
	}
}

func bindFailure(cluster pks.Cluster, err error) error {
	switch osb.KindOf(err) {
	case osb.Busy:
		return pks.Failf(pks.CodeOperationInProgress, "Cluster %s is busy.", cluster.Name).
			WithOperation(cluster.OperationID).WithCause(err)
	case osb.Unavailable:
		return pks.Failf(pks.CodeBrokerUnavailable, "The credentials of cluster %s cannot be made at the moment.", cluster.Name).WithCause(err)
	case osb.NotFound, osb.Gone:
		return pks.Failf(pks.CodeDeploymentLost, "The BOSH deployment %s of cluster %s does not exist.", cluster.DeploymentName(), cluster.Name).WithCause(err)
	case "":
		return err // the caller's own context has ended
	default:
		return refusal(err)
	}
}
