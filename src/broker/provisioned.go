package broker

import (
	"context"
	"fmt"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"

	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

// historyDepth is how many of a deployment's latest tasks are looked through for
// the creation of it.
const historyDepth = 100

// provisioned answers a provision request for a deployment that exists. settled
// is false when the request is to begin (again): its creation had failed.
//
// Whether the request is the one that made the deployment is told by the BOSH
// context id of its tasks, which holds a digest of the request; once those are
// tidied away, or the instance was changed since, by the manifest that the request
// would lead to.
func (b *Broker) provisioned(ctx context.Context, c creation, d director.Deployment) (spec domain.ProvisionedServiceSpec, settled bool, err error) {
	history, err := b.director.Tasks(ctx, director.TaskFilter{Deployment: c.deployment, Limit: historyDepth})
	if err != nil {
		return spec, true, fmt.Errorf("list the tasks of %s: %w", c.deployment, err)
	}
	for _, t := range history {
		if !inContext(t.ContextID, string(opCreate)+"-") && !t.Deploys() && !t.Deletes() {
			continue // errands of operators, snapshots
		}
		if !inContext(t.ContextID, c.prefix) {
			break // something else happened to the deployment since
		}
		return b.repeated(ctx, c, d, t.ContextID)
	}
	if d.Manifest == nil {
		return spec, true, apiresponses.ErrInstanceAlreadyExists
	}
	same, err := b.leadsTo(ctx, c, *d.Manifest)
	if err != nil {
		return spec, true, err
	}
	if !same {
		return spec, true, apiresponses.ErrInstanceAlreadyExists
	}
	return b.alreadyThere(ctx, c, *d.Manifest), true, nil
}

// repeated answers the same request again, by how the operation stands that it
// began.
func (b *Broker) repeated(ctx context.Context, c creation, d director.Deployment, contextID string) (domain.ProvisionedServiceSpec, bool, error) {
	none := domain.ProvisionedServiceSpec{}
	op, err := b.resume(ctx, c.deployment, contextID)
	if err != nil || op == nil {
		return none, true, err
	}
	op.OperationType = opCreate
	op.Errands = errandsOf(c.plan.LifecycleErrands.PostDeploy)
	o := b.view.track(c.instanceID, *op, nil)
	p, err := o.look(ctx)
	if err != nil {
		return none, true, err
	}
	switch p.outcome {
	case running, waiting:
		return domain.ProvisionedServiceSpec{IsAsync: true, OperationData: op.String()}, true, nil
	case succeeded:
		manifest := ""
		if d.Manifest != nil {
			manifest = *d.Manifest
		}
		return b.alreadyThere(ctx, c, manifest), true, nil
	}
	// It failed. Begin again, unless somebody else is at the deployment.
	tasks, err := b.underWay(ctx, c.deployment)
	if err != nil {
		return none, true, err
	}
	if len(tasks) > 0 {
		return none, true, busy()
	}
	return none, false, nil
}

func (b *Broker) alreadyThere(ctx context.Context, c creation, manifest string) domain.ProvisionedServiceSpec {
	return domain.ProvisionedServiceSpec{
		AlreadyExists: true,
		DashboardURL:  b.dashboardURL(ctx, c.instanceID, c.plan, runner.Manifest{Text: manifest}),
	}
}

// leadsTo tells whether the request would lead to the manifest that there is.
func (b *Broker) leadsTo(ctx context.Context, c creation, manifest string) (bool, error) {
	old, err := b.previousOf(ctx, c.deployment, manifest)
	if err != nil {
		return false, err
	}
	if old.client, err = b.presentClient(ctx, c.instanceID); err != nil {
		return false, err
	}
	old.keep = b.config.Broker.KeepVersionsOnUpdate
	made, err := b.generate(ctx, c.deployment, c.plan, &c.plan, c.params, old)
	if err != nil {
		b.logger.InfoContext(ctx, "repeated creation could not be compared", "cluster", c.instanceID, "error", err)
		return false, nil
	}
	return sameManifest(manifest, made.Text)
}
