package broker

import (
	"context"
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/director"
)

// group is one instance group of a manifest and its number of instances.
type group struct {
	name      string
	instances int
}

// instanceGroups are those of the deployment as it is, in manifest order, against
// which the progress of a change is measured. A creation needs none: its events
// say how many VMs are made.
func (o *operation) instanceGroups(ctx context.Context) ([]group, error) {
	if o.data.OperationType == opCreate || o.data.OperationType.deletes() {
		return nil, nil
	}
	d, err := o.broker.director.Deployment(ctx, o.deployment)
	if errors.Is(err, director.ErrNotFound) || (err == nil && d.Manifest == nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch the manifest of %s: %w", o.deployment, err)
	}
	return groupsOf(*d.Manifest), nil
}

// groupsOf leaves out errands, which have no instances to update.
func groupsOf(manifest string) []group {
	var m struct {
		Groups []struct {
			Name      string `yaml:"name"`
			Lifecycle string `yaml:"lifecycle"`
			Instances int    `yaml:"instances"`
		} `yaml:"instance_groups"`
	}
	if yaml.Unmarshal([]byte(manifest), &m) != nil {
		return nil // progress is then measured by the events alone
	}
	var groups []group
	for _, g := range m.Groups {
		if g.Lifecycle != "errand" {
			groups = append(groups, group{g.Name, g.Instances})
		}
	}
	return groups
}
