package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

// Provision begins the deployment of a new instance. The same request again
// answers with the same operation while it runs and with 200 when it is done; a
// creation that failed is begun anew by it. A different one is a conflict.
func (b *Broker) Provision(ctx context.Context, instanceID string, details domain.ProvisionDetails, asyncAllowed bool) (domain.ProvisionedServiceSpec, error) {
	ctx, cancel := shielded(ctx)
	defer cancel()
	spec, err := b.provision(ctx, instanceID, details, asyncAllowed)
	return spec, b.answer(ctx, instanceID, opCreate, err)
}

// creation is one provision request, checked.
type creation struct {
	instanceID string
	deployment string
	plan       config.Plan
	params     json.RawMessage // for the adapter
	context    json.RawMessage // of the request
	prefix     string          // of its context id
}

func (b *Broker) provision(ctx context.Context, instanceID string, details domain.ProvisionDetails, asyncAllowed bool) (domain.ProvisionedServiceSpec, error) {
	none := domain.ProvisionedServiceSpec{}
	if !asyncAllowed {
		return none, apiresponses.ErrAsyncRequired
	}
	parameters, err := parametersOf(details.RawParameters)
	if err != nil {
		return none, err
	}
	p, err := b.planOf(details.PlanID)
	if err != nil {
		return none, err
	}
	if err := checkMaintenance(details.MaintenanceInfo, maintenanceInfo(b.config.ServiceCatalog, p)); err != nil {
		return none, err
	}
	params, err := provisionParams(details, parameters)
	if err != nil {
		return none, err
	}
	c := creation{
		instanceID: instanceID, deployment: deploymentName(instanceID), plan: p, params: params, context: details.RawContext,
		prefix: contextPrefix(opCreate, instanceID, params),
	}
	release, err := b.changes.acquire(ctx, instanceID)
	if err != nil {
		return none, err
	}
	defer release()

	var old previous // of a creation that had failed after its deploy
	existing, err := b.director.Deployment(ctx, c.deployment)
	switch {
	case errors.Is(err, director.ErrNotFound):
	case err != nil:
		return none, unlessAway("create", err)
	default:
		if spec, settled, err := b.provisioned(ctx, c, existing); settled || err != nil {
			return spec, err
		}
		if existing.Manifest != nil {
			if old, err = b.previousOf(ctx, c.deployment, *existing.Manifest); err != nil {
				return none, err
			}
		}
	}
	if err := b.takePlace(ctx, instanceID, p); err != nil {
		return none, err
	}
	spec, err := b.checkedCreate(ctx, c, parameters, old)
	if err != nil {
		b.places.leave(instanceID)
	}
	return spec, err
}

func (b *Broker) checkedCreate(ctx context.Context, c creation, parameters json.RawMessage, old previous) (domain.ProvisionedServiceSpec, error) {
	err := b.checkParameters(ctx, c.plan.ID, parameters, func(s *domain.ServiceSchemas) domain.Schema { return s.Instance.Create })
	if err != nil {
		return domain.ProvisionedServiceSpec{}, err
	}
	return b.create(ctx, c, old)
}

// create begins the deploy.
func (b *Broker) create(ctx context.Context, c creation, old previous) (domain.ProvisionedServiceSpec, error) {
	none := domain.ProvisionedServiceSpec{}
	var err error
	if old.client, err = b.newClient(ctx, c.instanceID, c.context); err != nil {
		return none, err
	}
	manifest, err := b.generate(ctx, c.deployment, c.plan, nil, c.params, old)
	if err != nil {
		b.deleteClient(ctx, c.instanceID)
		return none, err
	}
	d := operationData{OperationType: opCreate, Errands: errandsOf(c.plan.LifecycleErrands.PostDeploy)}
	d.BoshContextID = b.contextID(c.prefix, d)
	d, err = b.deploy(ctx, c.instanceID, manifest, d)
	if err != nil {
		if old.manifest == "" && !errors.Is(err, director.ErrOutcomeUnknown) {
			b.undoPreparations(ctx, c.deployment)
		}
		return none, err
	}
	dashboard := b.dashboardURL(ctx, c.instanceID, c.plan, manifest)
	b.redirect(ctx, old.client, dashboard)
	return domain.ProvisionedServiceSpec{
		IsAsync: true, OperationData: d.String(), DashboardURL: dashboard,
		Metadata: domain.InstanceMetadata{Labels: manifest.Labels},
	}, nil
}

// deploy writes what the manifest relies on, submits it, and hands the operation
// to the view.
func (b *Broker) deploy(ctx context.Context, instanceID string, m runner.Manifest, d operationData) (operationData, error) {
	deployment := deploymentName(instanceID)
	if err := b.prepare(ctx, deployment, m); err != nil {
		return d, err
	}
	task, err := b.director.Deploy(ctx, deployment, []byte(m.Text), director.Write{ContextID: d.BoshContextID})
	if err != nil {
		return d, fmt.Errorf("deploy %s: %w", deployment, err)
	}
	d.BoshTaskID = task
	b.started(instanceID, d)
	b.logger.InfoContext(ctx, "operation accepted",
		"cluster", instanceID, "operation", string(d.OperationType), "task", task, "request_id", requestID(ctx))
	return d, nil
}

// undoPreparations leaves nothing behind of a creation that never began.
func (b *Broker) undoPreparations(ctx context.Context, deployment string) {
	if err := b.cleanUp(ctx, deployment); err != nil {
		b.logger.WarnContext(ctx, "secrets and configs of a refused creation were left behind", "cluster", deployment, "error", err)
	}
}

// dashboardURL is not worth failing a deployment that has begun.
func (b *Broker) dashboardURL(ctx context.Context, instanceID string, p config.Plan, m runner.Manifest) string {
	url, err := b.adapter.DashboardURL(ctx, instanceID, b.config.ServiceCatalog.ForAdapter(p), m.Text)
	if err != nil {
		if !errors.Is(err, runner.ErrNotImplemented) {
			b.logger.WarnContext(ctx, "dashboard URL could not be had", "cluster", instanceID, "error", err)
		}
		return ""
	}
	return url
}
