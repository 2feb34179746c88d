package adapter

import (
	"maps"
	"slices"

	"github.com/pks-community/pks-release/src/pks"
)

// tags are the plan's, overlaid by those for the cloud provider, overlaid by the
// cluster's own.
func (c *cluster) tags() map[string]any {
	out := map[string]any{}
	for name, value := range c.plan.Tags {
		out[name] = value
	}
	for name, value := range c.iaasTags() {
		out[name] = value
	}
	for _, tag := range c.spec.Tags {
		out[tag.Name] = tag.Value
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (p *plan) checkTags() error {
	var tags []pks.Tag
	for _, name := range slices.Sorted(maps.Keys(p.Tags)) {
		tags = append(tags, pks.Tag{Name: name, Value: p.Tags[name]})
	}
	return advised(pks.ValidateTags("plan.properties.tags", tags))
}
