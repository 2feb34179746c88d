package upgradeall

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// choose picks the canaries (reference/on-demand-broker.md §5.3). Those that still
// have to be upgraded come first: a canary that is up to date tells nothing.
func (e *Errand) choose(clusters []v1.Cluster) ([]string, error) {
	if e.Canaries == 0 && e.CanarySelection.empty() || len(clusters) == 0 {
		return nil, nil
	}
	var behind, current []string
	for _, c := range clusters {
		switch {
		case !e.CanarySelection.fits(c):
		case len(c.AvailableUpgrades) > 0 || e.Redeploy == RedeployAll:
			behind = append(behind, c.Name)
		default:
			current = append(current, c.Name)
		}
	}
	chosen := append(behind, current...)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("failed to find a match to the canary selection criteria: %s; please ensure that they fit a cluster", e.CanarySelection)
	}
	if e.Canaries > 0 && e.Canaries < len(chosen) {
		chosen = chosen[:e.Canaries]
	}
	return chosen, nil
}

func (s Selection) fits(c v1.Cluster) bool {
	if len(s.Names) > 0 && !slices.Contains(s.Names, c.Name) || s.Plan != "" && s.Plan != c.PlanName {
		return false
	}
	for name, value := range s.Tags {
		if !slices.ContainsFunc(c.Parameters.ClusterTags, func(t v1.ClusterTag) bool { return t.Name == name && t.Value == value }) {
			return false
		}
	}
	return true
}

// String is how the selection is told of.
func (s Selection) String() string {
	var parts []string
	if len(s.Names) > 0 {
		parts = append(parts, "names: "+strings.Join(s.Names, ", "))
	}
	if s.Plan != "" {
		parts = append(parts, "plan: "+s.Plan)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tags)) {
		parts = append(parts, "tag "+name+": "+s.Tags[name])
	}
	return strings.Join(parts, ", ")
}
