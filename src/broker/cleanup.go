package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pks-community/pks-release/src/director"
	"github.com/pks-community/pks-release/src/pks"
)

// cleanUpDeleted removes what a deleted deployment leaves outside it, unless there
// is a deployment of that name again, whose own all that would be.
func (b *Broker) cleanUpDeleted(ctx context.Context, instanceID string) error {
	release, err := b.changes.acquire(ctx, instanceID)
	if err != nil {
		return err
	}
	defer release()
	name := deploymentName(instanceID)
	_, err = b.director.Deployment(ctx, name)
	if err == nil {
		return nil
	}
	if !errors.Is(err, director.ErrNotFound) {
		return err
	}
	return b.cleanUp(ctx, name)
}

// cleanUp removes what belongs to a deployment outside it: BOSH configs of its
// name, secrets kept for it, and its UAA client. Done twice it does no harm.
func (b *Broker) cleanUp(ctx context.Context, deployment string) error {
	b.deleteClient(ctx, strings.TrimPrefix(deployment, pks.DeploymentPrefix))
	if !b.config.Broker.DisableBOSHConfigs {
		configs, err := b.director.Configs(ctx, deployment)
		if err != nil {
			return fmt.Errorf("list the BOSH configs of %s: %w", deployment, err)
		}
		for _, c := range configs {
			if c.Name != deployment {
				continue
			}
			if err := b.director.DeleteConfig(ctx, c.Type, c.Name); err != nil {
				return fmt.Errorf("delete BOSH config %s/%s: %w", c.Type, c.Name, err)
			}
		}
	}
	if b.secrets == nil {
		return nil
	}
	folder := b.secretFolder(deployment)
	names, err := b.secrets.Below(ctx, folder)
	if err != nil {
		return fmt.Errorf("list the secrets of %s: %w", deployment, err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, folder+"/") {
			continue // another deployment whose name merely begins alike
		}
		if err := b.secrets.Delete(ctx, name); err != nil {
			return fmt.Errorf("delete secret %s: %w", name, err)
		}
	}
	return nil
}

// secretFolder is where the secrets that the adapter makes for a deployment are.
func (b *Broker) secretFolder(deployment string) string {
	return "/odb/" + b.config.ServiceCatalog.ID + "/" + deployment
}
