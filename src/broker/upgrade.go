package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

// errGone: there is no deployment to work on.
var errGone = errors.New("the deployment does not exist")

// upgrade regenerates an instance's manifest with what the broker offers now and
// deploys it. When that would change nothing, it is settled at once: not async. Parameters
// may be nil: those of the deployed manifest.
func (b *Broker) upgrade(ctx context.Context, instanceID string, p config.Plan, requestContext, parameters json.RawMessage) (domain.UpdateServiceSpec, error) {
	none := domain.UpdateServiceSpec{}
	b.logger.InfoContext(ctx, "upgrading instance", "cluster", instanceID, "request_id", requestID(ctx))
	params, err := upgradeParams(requestContext, parameters)
	if err != nil {
		return none, err
	}
	release, err := b.changes.acquire(ctx, instanceID)
	if err != nil {
		return none, err
	}
	defer release()

	d := operationData{OperationType: opUpgrade, Errands: errandsOf(p.LifecycleErrands.PostDeploy)}
	prefix := contextPrefix(opUpgrade, instanceID, p.ID, params, b.config.ServiceDeployment)
	same, err := b.idle(ctx, instanceID, prefix)
	if err != nil {
		return none, unlessAway("upgrade", err)
	}
	if same != nil {
		d.BoshTaskID, d.BoshContextID = same.BoshTaskID, same.BoshContextID
		return domain.UpdateServiceSpec{IsAsync: true, OperationData: d.String()}, nil
	}
	before, err := b.deployedManifest(ctx, instanceID)
	if errors.Is(err, director.ErrNotFound) {
		return none, fmt.Errorf("%w: %w", errGone, err)
	}
	if err != nil {
		return none, err
	}
	if before == "" {
		return none, refuse(http.StatusUnprocessableEntity, "", "service instance was never deployed successfully: delete it, or repeat its creation")
	}
	// As the contract has it, upgrades are not given secrets.
	old, err := b.previousBare(ctx, deploymentName(instanceID), before)
	if err != nil {
		return none, err
	}
	if old.client, err = b.alignedClient(ctx, instanceID, requestContext); err != nil {
		return none, err
	}
	manifest, err := b.generate(ctx, deploymentName(instanceID), p, &p, params, old)
	if err != nil {
		return none, err
	}
	current, err := b.upToDate(ctx, deploymentName(instanceID), manifest, old.configs)
	if err != nil {
		return none, err
	}
	if current {
		b.logger.InfoContext(ctx, "instance already up to date", "cluster", instanceID, "request_id", requestID(ctx))
		return none, nil
	}
	d.BoshContextID = b.contextID(prefix, d)
	if d, err = b.deploy(ctx, instanceID, manifest, d); err != nil {
		return none, err
	}
	dashboard := b.dashboardURL(ctx, instanceID, p, manifest)
	b.redirect(ctx, old.client, dashboard)
	return domain.UpdateServiceSpec{
		IsAsync: true, OperationData: d.String(), DashboardURL: dashboard,
		Metadata: domain.InstanceMetadata{Labels: manifest.Labels},
	}, nil
}

// upToDate tells whether a deploy of the manifest would do nothing. The Director's
// own diff covers releases, stemcells and the configs of today, but compares with
// the last successful deploy only: after a failed one nothing is taken for granted.
// What would be written along, secrets and configs, is not in the diff.
func (b *Broker) upToDate(ctx context.Context, deployment string, m runner.Manifest, configs map[string]string) (bool, error) {
	if !sameConfigs(m.Configs, configs) {
		return false, nil
	}
	if same, err := b.secretsKept(ctx, deployment, m); err != nil || !same {
		return false, err
	}
	diff, err := b.director.Diff(ctx, deployment, []byte(m.Text))
	if err != nil {
		return false, fmt.Errorf("compare the manifest of %s with what is deployed: %w", deployment, err)
	}
	if len(diff) > 0 {
		return false, nil
	}
	history, err := b.director.Tasks(ctx, director.TaskFilter{Deployment: deployment, Limit: historyDepth})
	if err != nil {
		return false, fmt.Errorf("list the tasks of %s: %w", deployment, err)
	}
	for _, t := range history {
		if _, isErrand := t.Errand(); isErrand || t.Deploys() || t.Deletes() {
			return t.State == director.Done, nil
		}
	}
	return true, nil
}
