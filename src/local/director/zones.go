package director

import (
	"context"

	"github.com/pks-community/pks-release/src/local/director/manifest"
)

// zones lists the zones of the cloud-configs a deployment uses.
func (d *Director) zones(ctx context.Context, deployment string) ([]string, error) {
	row, err := d.state.Deployment(ctx, deployment)
	if err != nil {
		return nil, err
	}
	configs, err := d.state.ConfigsByID(ctx, row.CloudConfigs)
	if err != nil {
		return nil, err
	}
	documents, err := parseConfigs(configs)
	if err != nil {
		return nil, err
	}
	cloud, err := manifest.ReadCloud(documents)
	if err != nil {
		return nil, err
	}
	return cloud.AZs, nil
}
