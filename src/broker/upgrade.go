package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// errGone: there is no deployment to work on.
var errGone = errors.New("the deployment does not exist")

// upgrade regenerates an instance's manifest with what the broker offers now and
// deploys it. When that would change nothing, it is settled at once: not async.
func (b *Broker) upgrade(ctx context.Context, instanceID string, p config.Plan, requestContext json.RawMessage) (domain.UpdateServiceSpec, error) {
	none := domain.UpdateServiceSpec{}
	b.logger.InfoContext(ctx, "upgrading instance", "cluster", instanceID, "request_id", requestID(ctx))
	params, err := upgradeParams(requestContext)
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
	old, err := b.deployed(ctx, instanceID)
	if errors.Is(err, director.ErrNotFound) {
		return none, fmt.Errorf("%w: %w", errGone, err)
	}
	if err != nil {
		return none, err
	}
	if old.manifest == "" {
		return none, refuse(http.StatusUnprocessableEntity, "", "service instance was never deployed successfully: delete it, or repeat its creation")
	}
	old.secrets = nil // as the contract has it: upgrades are not given secrets
	manifest, err := b.generate(ctx, deploymentName(instanceID), p, &p, params, old)
	if err != nil {
		return none, err
	}
	current, err := b.upToDate(ctx, deploymentName(instanceID), manifest.Text, len(manifest.Configs)+len(manifest.Secrets) == 0)
	if err != nil {
		return none, err
	}
	if current {
		b.logger.InfoContext(ctx, "instance already up to date", "cluster", instanceID, "request_id", requestID(ctx))
		return none, nil
	}
	d.BoshContextID = newContextID(prefix)
	if d, err = b.deploy(ctx, instanceID, manifest, d); err != nil {
		return none, err
	}
	return domain.UpdateServiceSpec{
		IsAsync: true, OperationData: d.String(), DashboardURL: b.dashboardURL(ctx, instanceID, p, manifest),
		Metadata: domain.InstanceMetadata{Labels: manifest.Labels},
	}, nil
}

// upToDate tells whether a deploy of the manifest would do nothing. The Director's
// own diff covers releases, stemcells and the configs of today, but compares with
// the last successful deploy only: after a failed one nothing is taken for granted.
func (b *Broker) upToDate(ctx context.Context, deployment, manifest string, plain bool) (bool, error) {
	if !plain {
		return false, nil // secrets or configs are written along; those are not in the diff
	}
	diff, err := b.director.Diff(ctx, deployment, []byte(manifest))
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
