package lifecycle

import (
	"context"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

// Preview tells what an action, CREATE, UPDATE or UPGRADE, that makes the cluster of
// its spec would do, and does nothing. Its failures are
// preview_unavailable for a broker that cannot tell, broker_unavailable,
// broker_refused and operation_in_progress.
func (e *Engine) Preview(ctx context.Context, action pks.Action, c pks.Cluster, requestID string) (osb.Preview, error) {
	isNew := action == pks.ActionCreate
	if isNew {
		c.ID = uuid.NewString()
	}
	preview, err := e.cfg.Broker.Preview(ctx, osb.Instance{
		ID: c.ID, Name: c.Name, Owner: c.Owner.Name, PlanID: c.PlanID, Spec: c.Spec, New: isNew, Upgrade: action == pks.ActionUpgrade, RequestID: requestID,
	})
	switch kind := osb.KindOf(err); {
	case err == nil:
		return preview, nil
	case kind == "":
		return osb.Preview{}, err // the caller's own context has ended
	case kind == osb.NotFound: // an older broker
		return osb.Preview{}, pks.Failf(pks.CodePreviewUnavailable, "The broker cannot tell what this request would do.").WithCause(err)
	case kind == osb.Gone:
		return osb.Preview{}, deploymentLost(c, err)
	case kind == osb.Unavailable:
		return osb.Preview{}, pks.Failf(pks.CodeBrokerUnavailable, "The broker cannot tell at the moment what this request would do.").WithCause(err)
	case kind == osb.Busy:
		return osb.Preview{}, pks.Failf(pks.CodeOperationInProgress, "Cluster %s is busy.", c.Name).WithOperation(c.OperationID).WithCause(err)
	default:
		return osb.Preview{}, refusal(err)
	}
}
