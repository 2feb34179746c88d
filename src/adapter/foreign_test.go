package adapter_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
)

// TestWhatAnOperatorAddedStays: the extension points of docs/plans.md.
func TestWhatAnOperatorAddedStays(t *testing.T) {
	t.Parallel()
	c := smallest().with(object{"tags": object{"team": "a"}}, nil)
	m := parse(t, c.run(t).Manifest)
	agent := bosh.Job{Name: "agent", Release: "monitoring", Properties: map[string]any{"port": 1}}
	m.Addons = append(m.Addons, bosh.Addon{Name: "monitoring", Jobs: []bosh.Job{agent}, Exclude: bosh.PlacementRule{InstanceGroups: []string{"master"}}})
	m.Releases = append(m.Releases, bosh.Release{Name: "monitoring", Version: "3"})
	m.InstanceGroups[2].Jobs = append(m.InstanceGroups[2].Jobs, agent)
	m.InstanceGroups[2].Env = map[string]any{"persistent_disk_fs": "xfs"}
	m.Variables = append(m.Variables, bosh.Variable{Name: "agent-password", Type: "password"})
	m.Tags["cost"] = "42"
	m.Features.ExtraFeatures["their_key"] = "x"
	m.Features.RandomizeAZPlacement = bosh.BoolPointer(true)
	edited, err := yamlText(m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, parse(t, c.after(edited).run(t).Manifest)); diff != "" {
		t.Errorf("lost or changed (-was +is):\n%s", diff)
	}

	// What came from the plan goes with the plan's word.
	without := parse(t, c.with(object{"tags": nil}, nil).after(edited).run(t).Manifest)
	if diff := cmp.Diff(map[string]any{"cost": "42"}, without.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}
