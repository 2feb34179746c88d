package cli

import (
	"encoding/json"
	"strings"

	"github.com/pks-community/pks-release/src/cli/console"
)

// computeParameters writes the layout of reference/pks-cli.md §9.4; what it does
// not know is shown as it is named.
func (f *factory) computeParameters(parameters json.RawMessage) {
	var all map[string]json.RawMessage
	var known struct {
		Customization *struct {
			ControlPlane map[string]any   `json:"control_plane"`
			NodePools    []map[string]any `json:"node_pools"`
		} `json:"cluster_customization"`
	}
	if json.Unmarshal(parameters, &all) != nil || json.Unmarshal(parameters, &known) != nil || known.Customization == nil {
		f.console.Tree(parameters)
		return
	}
	f.console.Printf("  Cluster Customization:\n")
	if known.Customization.ControlPlane != nil {
		f.console.Printf("    Control Plane:\n")
		f.computeMachines(known.Customization.ControlPlane)
	}
	for _, pool := range known.Customization.NodePools {
		f.console.Printf("    Node Pool:\n")
		f.computeMachines(pool)
	}
	delete(all, "cluster_customization")
	if rest, err := json.Marshal(all); err == nil && len(all) > 0 {
		f.console.Tree(rest)
	}
}

func (f *factory) computeMachines(settings map[string]any) {
	labels := [][2]string{
		{"name", "Name"}, {"instances", "Instances"}, {"cpu", "CPU"}, {"memory_in_mb", "Memory (Mb)"}, {"ephemeral_disk_in_mb", "Ephemeral Disk (Mb)"},
	}
	seen := map[string]bool{}
	for _, l := range labels {
		seen[l[0]] = true
	}
	for _, name := range sortedKeys(settings) {
		if !seen[name] {
			labels = append(labels, [2]string{name, name})
		}
	}
	const width = 22
	for _, l := range labels {
		value := ""
		if given, ok := settings[l[0]]; ok {
			value = settingValue(given)
		}
		label := l[1] + ":"
		line := "      " + label + strings.Repeat(" ", max(1, width-len(label))) + console.Clean(value)
		f.console.Printf("%s\n", strings.TrimRight(line, " "))
	}
}
