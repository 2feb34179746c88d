package adapter

import (
	"maps"
	"regexp"
	"slices"

	"github.com/pks-community/pks-release/src/pks"
)

// reservedTags are set on every VM by BOSH itself, over whatever the manifest
// says (reference/pks-cli.md §13).
func reservedTags() []string {
	return []string{"deployment", "director", "id", "index", "instance_group", "job", "name", "created_at", "compiling", "instance-id"}
}

var oddInTag = regexp.MustCompile(`[":,]`)

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
	return checkTags("plan.properties.tags", tags)
}

func checkTags(field string, tags []pks.Tag) error {
	seen := map[string]bool{}
	for _, tag := range tags {
		switch {
		case tag.Name == "":
			return refuse("%s has a tag without a name.", field).WithRemedy("Name it, or remove it.")
		case oddInTag.MatchString(tag.Name) || oddInTag.MatchString(tag.Value):
			return refuse("%s: tag %q holds a quote, colon or comma.", field, tag.Name).WithRemedy("Use other characters in name and value.")
		case slices.Contains(reservedTags(), tag.Name):
			return refuse("%s: BOSH sets the tag %q itself.", field, tag.Name).WithRemedy("Choose a name other than %s.", list(reservedTags()))
		case seen[tag.Name]:
			return refuse("%s names the tag %q twice.", field, tag.Name).WithRemedy("Keep one of them.")
		case len(tag.Value) > 256 || len(tag.Name) > 128:
			return refuse("%s: tag %q is too long.", field, tag.Name).WithRemedy("Use at most 128 bytes for the name and 256 for the value.")
		}
		seen[tag.Name] = true
	}
	return nil
}
