package lifecycle

import (
	"context"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

// certifier is a Broker that can see certificates.
type certifier interface {
	Certificates(ctx context.Context, instanceID string) (osb.Certificates, error)
}

// Certificates tells which certificates a cluster uses. Its failures are
// deployment_lost, broker_unavailable and broker_refused.
func (e *Engine) Certificates(ctx context.Context, c pks.Cluster) ([]osb.Certificate, error) {
	broker, ok := e.cfg.Broker.(certifier)
	if !ok {
		return nil, noCertificates(nil)
	}
	answer, err := broker.Certificates(ctx, c.ID)
	switch kind := osb.KindOf(err); {
	case err == nil:
		return answer.Certificates, nil
	case kind == "":
		return nil, err // the caller's own context has ended
	case kind == osb.Gone:
		return nil, deploymentLost(c, err)
	case kind == osb.NotFound: // an older broker
		return nil, noCertificates(err)
	case kind == osb.Unavailable:
		return nil, pks.Failf(pks.CodeBrokerUnavailable, "The broker cannot look at the certificates at the moment.").WithCause(err)
	default:
		return nil, refusal(err)
	}
}

func noCertificates(cause error) *pks.Failure {
	return pks.Failf(pks.CodeBrokerRefused, "The broker cannot see certificates.").WithCause(cause)
}
