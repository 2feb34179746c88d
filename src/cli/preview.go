package cli

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
)

// showPreview tells what a change would do: to the settings, to the machines, and
// to the manifest that BOSH is given.
func (f *factory) showPreview(ctx context.Context, o *output, preview apiclient.Answer[v1.Preview]) error {
	return f.show(ctx, o, preview.Raw, func() {
		p := preview.Value
		if len(p.Changes) == 0 && len(p.ManifestDiff) == 0 {
			f.console.Printf("Nothing would change.\n")
			return
		}
		f.console.Printf("Settings:\n")
		for _, change := range p.Changes {
			f.console.Printf("  %s\n", console.Clean(settingChange(change)))
		}
		f.console.Printf("\nMachines:\n")
		rows := make([][]string, 0, len(p.Instances))
		for _, group := range p.Instances {
			rows = append(rows, []string{"  " + group.Name, group.Action, instances(group)})
		}
		f.console.Table([]string{"  Group", "Action", "Instances"}, rows)
		f.console.Printf("\nManifest:\n")
		for _, line := range p.ManifestDiff {
			f.console.DiffLine(line.Text, line.Change)
		}
	})
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
