package jobs

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

// gateLists are the feature gates that a minor version of Kubernetes knows, one file per minor, taken from
// the sources of that version (all constants of type featuregate.Feature). A program that is given another
// one does not start.
//
//go:embed gates
var gateLists embed.FS

// gatesOf returns the gates of a minor version; nil when they are not known here.
func gatesOf(minor int) []string {
	list, err := gateLists.ReadFile(fmt.Sprintf("gates/1.%d", minor))
	if err != nil {
		return nil
	}
	return strings.Fields(string(list))
}

// knownGates keeps of a list of NAME=BOOL those whose gate this version has.
func (t *template) knownGates(property string, gates []string) []string {
	known := gatesOf(t.minor)
	if known == nil {
		return gates
	}
	return slices.DeleteFunc(gates, func(gate string) bool {
		name, _, _ := strings.Cut(gate, "=")
		if slices.Contains(known, strings.TrimSpace(name)) {
			return false
		}
		t.warn("property %s: feature gate %s is left out: Kubernetes %s does not know it", property, name, t.Kubernetes)
		return true
	})
}

// configuredGates does the same for the member featureGates of a configuration file.
func (t *template) configuredGates(property string, configuration map[string]any) {
	gates, ok := configuration["featureGates"].(map[string]any)
	if !ok {
		return
	}
	kept := map[string]any{}
	for name, value := range gates {
		if len(t.knownGates(property+".featureGates", []string{name})) == 1 {
			kept[name] = value
		}
	}
	configuration["featureGates"] = kept
}
