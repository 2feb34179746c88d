package smoketests

import (
	"context"
	"fmt"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
)

// check holds a cluster against what was asked for: what the API says of it, and
// what its own Kubernetes says.
func (r *run) check(ctx context.Context, name string, nodes int) error {
	return r.step(fmt.Sprintf("check cluster %s with %d workers", name, nodes), func() error {
		cluster, err := errand.Persist(ctx, r.patience, func(ctx context.Context) (apiclient.Answer[v1.Cluster], error) {
			return r.api.Cluster(ctx, name)
		})
		if err != nil {
			return err
		}
		c := cluster.Value
		if c.Parameters.KubernetesWorkerInstances != nodes {
			return fmt.Errorf("the API says that it has %d workers", c.Parameters.KubernetesWorkerInstances)
		}
		if len(c.KubernetesMasterIPs) == 0 || c.KubernetesMasterIPs[0] == v1.InProgress {
			return fmt.Errorf("the API knows no address of its masters")
		}
		if !r.CheckKubernetes {
			return nil
		}
		return r.checkKubernetes(ctx, c, nodes)
	})
}

// checkKubernetes asks the cluster until it is as it should be: nodes need a moment
// to be ready.
func (r *run) checkKubernetes(ctx context.Context, c v1.Cluster, nodes int) error {
	limited, cancel := context.WithTimeout(ctx, r.StepTimeLimit)
	defer cancel()
	credentials, err := errand.Persist(limited, r.patience, func(ctx context.Context) (v1.Kubeconfig, error) { return r.api.Bind(ctx, c.Name) })
	if err != nil {
		return fmt.Errorf("get credentials: %w", r.limit(ctx, limited, err))
	}
	said := ""
	for {
		err := r.probe(limited, credentials, c.KubernetesMasterIPs, nodes)
		if err == nil {
			return nil
		}
		if text := err.Error(); text != said && limited.Err() == nil {
			said = text
			r.journal.Say("[%s] Not yet: %s", c.Name, text)
		}
		if paused := errand.Pause(limited, r.PollingInterval); paused != nil {
			return fmt.Errorf("%w; the last answer: %s", r.limit(ctx, limited, paused), said)
		}
	}
}
