package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
)

// showPreview tells what a change would do.
func (f *factory) showPreview(ctx context.Context, o *output, preview apiclient.Answer[v1.Preview]) error {
	return f.show(ctx, o, preview.Raw, func() { f.previewBlock(preview.Value) })
}

// previewUpgrades tells what an upgrade would do to each cluster that needs it.
func (f *factory) previewUpgrades(ctx context.Context, api *apiclient.Client, request v1.UpgradeClustersRequest, o *output) error {
	previews, err := api.PreviewUpgrades(ctx, request)
	if err != nil {
		return err
	}
	return f.show(ctx, o, previews.Raw, func() {
		if len(previews.Value) == 0 {
			f.console.Printf("Nothing would change: all is up to date already.\n")
		}
		for i, preview := range previews.Value {
			if i > 0 {
				f.console.Printf("\n")
			}
			if len(request.Clusters)+len(request.Canaries) != 1 {
				f.console.Printf("Cluster %s:\n", console.Clean(preview.Cluster.Name))
			}
			f.previewBlock(preview)
		}
	})
}

// previewBlock shows what would become of the settings, of the machines, and of
// the manifest that BOSH is given.
func (f *factory) previewBlock(p v1.Preview) {
	if len(p.Changes) == 0 && len(p.ManifestDiff) == 0 && !touched(p.Instances) {
		f.console.Printf("Nothing would change.\n")
		return
	}
	if len(p.Changes) > 0 {
		f.console.Printf("Settings:\n")
	}
	for _, change := range p.Changes {
		f.console.Printf("  %s\n", console.Clean(settingChange(change)))
	}
	if len(p.Changes) > 0 {
		f.console.Printf("\n")
	}
	f.console.Printf("Machines:\n")
	rows := make([][]string, 0, len(p.Instances))
	for _, group := range p.Instances {
		rows = append(rows, []string{"  " + group.Name, group.Action, instances(group)})
	}
	f.console.Table([]string{"  Group", "Action", "Instances"}, rows)
	f.console.Printf("\nManifest:\n")
	for _, line := range p.ManifestDiff {
		f.console.DiffLine(line.Text, line.Change)
	}
}

// untouched is the action of a group whose machines go on as they are.
const untouched = "none"

func touched(groups []v1.InstanceGroup) bool {
	return slices.ContainsFunc(groups, func(g v1.InstanceGroup) bool { return g.Action != untouched })
}

func instances(group v1.InstanceGroup) string {
	if group.Before == group.After {
		return fmt.Sprint(group.After)
	}
	return fmt.Sprintf("%d to %d", group.Before, group.After)
}

// settingChange is one setting before and after: workers: 3 → 5.
func settingChange(change v1.Change) string {
	return fmt.Sprintf("%s: %s → %s", change.Path, settingValue(change.Before), settingValue(change.After))
}

func settingValue(value any) string {
	switch v := value.(type) {
	case nil:
		return "none"
	case string:
		if v == "" {
			return `""`
		}
		return v
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
