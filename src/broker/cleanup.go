package broker

import (
	"context"
	"fmt"
	"strings"
)

// cleanUp removes what belongs to a deployment outside it: BOSH configs of its
// name and secrets kept for it. Done twice it does no harm.
func (b *Broker) cleanUp(ctx context.Context, deployment string) error {
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
