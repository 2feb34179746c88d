package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/oauthclient"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

// Update changes an instance, or upgrades it when the request asks for nothing
// but the catalog's maintenance info (§1.3–§1.5). The same request again, while
// its operation runs, answers with that operation.
func (b *Broker) Update(ctx context.Context, instanceID string, details domain.UpdateDetails, asyncAllowed bool) (domain.UpdateServiceSpec, error) {
	ctx, cancel := shielded(ctx)
	defer cancel()
	kind, spec, err := b.updateOrUpgrade(ctx, instanceID, details, asyncAllowed)
	return spec, b.answer(ctx, instanceID, kind, err)
}

func (b *Broker) updateOrUpgrade(ctx context.Context, instanceID string, details domain.UpdateDetails, asyncAllowed bool) (operationType, domain.UpdateServiceSpec, error) {
	if details.PreviousValues.PlanID == "" {
		details.PreviousValues.PlanID = details.PlanID // OSB 2.17 §4.5: previous_values may be left out
	}
	if !asyncAllowed {
		return opUpdate, domain.UpdateServiceSpec{}, apiresponses.ErrAsyncRequired
	}
	if err := b.checkService(details.ServiceID); err != nil {
		return opUpdate, domain.UpdateServiceSpec{}, err
	}
	parameters, err := parametersOf(details.RawParameters)
	if err != nil {
		return opUpdate, domain.UpdateServiceSpec{}, err
	}
	upgrade, err := b.decideUpgrade(details, !emptyObject(parameters))
	if err != nil {
		return opUpdate, domain.UpdateServiceSpec{}, err
	}
	if upgrade {
		p, err := b.planOf(details.PlanID)
		if err != nil {
			return opUpgrade, domain.UpdateServiceSpec{}, err
		}
		spec, err := b.upgrade(ctx, instanceID, p, details.RawContext, nil)
		return opUpgrade, spec, err
	}
	spec, err := b.update(ctx, instanceID, details, parameters)
	return opUpdate, spec, err
}

// change is one update request, checked.
type change struct {
	instanceID string
	details    domain.UpdateDetails
	plan       config.Plan
	params     json.RawMessage // for the adapter
	prefix     string          // of its context id
}

func (b *Broker) update(ctx context.Context, instanceID string, details domain.UpdateDetails, parameters json.RawMessage) (domain.UpdateServiceSpec, error) {
	none := domain.UpdateServiceSpec{}
	p, err := b.planOf(details.PlanID)
	if err != nil {
		return none, err
	}
	params, err := updateParams(details, parameters)
	if err != nil {
		return none, err
	}
	err = b.checkParameters(ctx, p.ID, parameters, func(s *domain.ServiceSchemas) domain.Schema { return s.Instance.Update })
	if err != nil {
		return none, err
	}
	c := change{instanceID: instanceID, details: details, plan: p, params: params, prefix: contextPrefix(opUpdate, instanceID, params)}
	release, err := b.changes.acquire(ctx, instanceID)
	if err != nil {
		return none, err
	}
	defer release()

	d := operationData{OperationType: opUpdate, Errands: errandsOf(p.LifecycleErrands.PostDeploy)}
	same, err := b.idle(ctx, instanceID, c.prefix)
	if err != nil {
		return none, unlessAway("update", err)
	}
	if same != nil {
		d.BoshTaskID, d.BoshContextID = same.BoshTaskID, same.BoshContextID
		return domain.UpdateServiceSpec{IsAsync: true, OperationData: d.String()}, nil
	}
	if details.PreviousValues.PlanID == details.PlanID {
		return b.deployChange(ctx, c, d)
	}
	if err := b.takePlace(ctx, instanceID, p); err != nil {
		return none, err
	}
	spec, err := b.deployChange(ctx, c, d)
	if err != nil {
		b.places.leave(instanceID)
	}
	return spec, err
}

// deployChange begins the deploy.
func (b *Broker) deployChange(ctx context.Context, c change, d operationData) (domain.UpdateServiceSpec, error) {
	none := domain.UpdateServiceSpec{}
	manifest, client, err := b.changedManifest(ctx, c)
	if err != nil {
		return none, err
	}
	d.BoshContextID = b.contextID(c.prefix, d)
	if d, err = b.deploy(ctx, c.instanceID, manifest, d); err != nil {
		return none, err
	}
	dashboard := b.dashboardURL(ctx, c.instanceID, c.plan, manifest)
	b.redirect(ctx, client, dashboard)
	return domain.UpdateServiceSpec{
		IsAsync: true, OperationData: d.String(), DashboardURL: dashboard,
		Metadata: domain.InstanceMetadata{Labels: manifest.Labels},
	}, nil
}

// changedManifest is the manifest that an update leads to, and the instance's UAA
// client, which is all that it writes.
func (b *Broker) changedManifest(ctx context.Context, c change) (runner.Manifest, *oauthclient.Client, error) {
	none := runner.Manifest{}
	previousPlan, err := b.planOf(c.details.PreviousValues.PlanID)
	if err != nil {
		return none, nil, err
	}
	old, err := b.deployed(ctx, c.instanceID)
	if err != nil {
		return none, nil, err
	}
	old.keep = b.config.Broker.KeepVersionsOnUpdate
	if old.manifest != "" && !b.config.Broker.SkipPendingChangesCheck {
		if err := b.refusePendingChanges(ctx, c.instanceID, previousPlan, old); err != nil {
			return none, nil, err
		}
	}
	if old.client, err = b.alignedClient(ctx, c.instanceID, c.details.RawContext); err != nil {
		return none, nil, err
	}
	manifest, err := b.generate(ctx, deploymentName(c.instanceID), c.plan, &previousPlan, c.params, old)
	return manifest, old.client, err
}

// deployed is what an instance's deployment is made of; an instance whose first
// deploy failed has one without a manifest.
func (b *Broker) deployed(ctx context.Context, instanceID string) (previous, error) {
	manifest, err := b.deployedManifest(ctx, instanceID)
	if err != nil {
		return previous{}, err
	}
	return b.previousOf(ctx, deploymentName(instanceID), manifest)
}

// deployedManifest is empty before the first successful deploy.
func (b *Broker) deployedManifest(ctx context.Context, instanceID string) (string, error) {
	name := deploymentName(instanceID)
	d, err := b.director.Deployment(ctx, name)
	if errors.Is(err, director.ErrNotFound) {
		text := fmt.Sprintf("bosh deployment '%s' not found", name)
		return "", &operatorError{text, fmt.Errorf("%s: %w", text, err)}
	}
	if err != nil || d.Manifest == nil {
		return "", err
	}
	return *d.Manifest, nil
}

// refusePendingChanges keeps a user's update from bringing along what an operator
// changed since: new releases, stemcells or plan properties (§1.6). Unlike the
// reference's, the comparison sees every key of the manifest but the update blocks.
func (b *Broker) refusePendingChanges(ctx context.Context, instanceID string, p config.Plan, old previous) error {
	made, err := b.generate(ctx, deploymentName(instanceID), p, &p, json.RawMessage("{}"), old)
	if err != nil {
		return fmt.Errorf("look for pending changes: %w", err)
	}
	changed, err := changedPaths(old.manifest, made.Text)
	if err != nil {
		return fmt.Errorf("error detecting change in manifest, unable to unmarshal manifest: %w", err)
	}
	if len(changed) == 0 {
		return nil
	}
	b.logger.InfoContext(ctx, "pending changes found", "cluster", instanceID, "paths", changed, "request_id", requestID(ctx))
	return refuse(http.StatusUnprocessableEntity, "",
		"The service broker has been updated, and this service instance is out of date. Please contact your operator.")
}
