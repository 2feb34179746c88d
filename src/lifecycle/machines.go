package lifecycle

import (
	"context"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

// Machines tells how the machines of a cluster are just now, as BOSH's agents say.
// Its failures are deployment_lost, broker_unavailable and broker_refused.
func (e *Engine) Machines(ctx context.Context, c pks.Cluster) ([]osb.Machine, error) {
	answer, err := e.cfg.Broker.Machines(ctx, c.ID)
	switch kind := osb.KindOf(err); {
	case err == nil:
		return answer.Machines, nil
	case kind == "":
		return nil, err // the caller's own context has ended
	case kind == osb.Gone:
		return nil, deploymentLost(c, err)
	case kind == osb.NotFound: // an older broker
		return nil, pks.Failf(pks.CodeBrokerRefused, "The broker cannot tell how machines are.").WithCause(err)
	case kind == osb.Unavailable:
		return nil, pks.Failf(pks.CodeBrokerUnavailable, "The broker cannot tell at the moment how the machines are.").WithCause(err)
	default:
		return nil, refusal(err)
	}
}
