package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/watch"
	"github.com/pks-community/pks-release/src/pks"
)

type upgradeClustersOptions struct {
	*changeFlags
	force       bool
	clusters    []string
	canaries    []string
	all         bool
	maxInFlight int32
}

func newUpgradeClusters(f *factory) *cobra.Command {
	var o upgradeClustersOptions
	c := &cobra.Command{
		Use:   "upgrade-clusters",
		Short: "Upgrades multiple kubernetes clusters",
		Long: "Upgrade many clusters: the canaries one after another, then the others, at most\n" +
			"--max-in-flight of them at a time. When a canary fails, the clusters after it stay\n" +
			"as they are; the failure of another cluster does not stop the rest.",
		Example: "  " + f.name + " upgrade-clusters --canaries dev --clusters prod-1,prod-2,prod-3 --max-in-flight 2 --wait",
		Args:    exactly(f),
	}
	o.changeFlags = f.changeFlags(c).withDryRun(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return f.upgradeClusters(c, o) }
	flags := c.Flags()
	flags.StringSliceVarP(&o.clusters, "clusters", "c", nil, "Names of the clusters to upgrade, with commas between")
	flags.StringSliceVar(&o.canaries, "canaries", nil, "Names of the clusters to upgrade first, one after another")
	flags.BoolVar(&o.all, "all", false, "Upgrade all clusters that you may, in place of --clusters")
	flags.Int32Var(&o.maxInFlight, "max-in-flight", 1, "How many clusters are upgraded at the same time")
	flags.BoolVar(&o.force, "force", false, forceHelp)
	return c
}

func (f *factory) upgradeClusters(c *cobra.Command, o upgradeClustersOptions) error {
	canaries, clusters := trimmed(o.canaries), trimmed(o.clusters)
	switch {
	case o.all && len(clusters) > 0:
		return usagef(c, "--all and --clusters exclude each other.")
	case !o.all && len(clusters) == 0 && len(canaries) == 0:
		return usagef(c, "--clusters (-c) must be given, or --all.")
	case o.maxInFlight < 1:
		return usagef(c, "--max-in-flight %d is not a number of clusters from 1 on.", o.maxInFlight)
	}
	ctx := c.Context()
	api, err := f.api()
	if err != nil {
		return err
	}
	request := v1.UpgradeClustersRequest{
		Clusters: clusters, Canaries: canaries, MaxInFlight: int(o.maxInFlight), All: o.all, Force: o.force,
	}
	if o.dryRun {
		return f.previewUpgrades(ctx, api, request, o.out)
	}
	if !o.nonInteractive {
		var named []string
		if !o.all {
			named = slices.Concat(canaries, clusters)
		}
		if err := f.confirmUpgrade(c, named); err != nil {
			return err
		}
	}
	task, err := api.UpgradeClusters(ctx, request)
	if err != nil {
		return err
	}
	if !o.wait {
		return f.show(ctx, o.out, task.Raw, func() {
			f.console.Printf("Your taskID for the upgrade task is: %s\n", console.Clean(task.Value.UUID))
			f.console.Notef("Use '%s task %s' to see how it goes.\n", f.name, console.Clean(task.Value.UUID))
		})
	}
	last, err := f.followTask(ctx, api, task, o.out.machine())
	if err != nil {
		return err
	}
	if err := f.show(ctx, o.out, last.Raw, func() {}); err != nil {
		return err
	}
	return notUpgraded(last.Value)
}

// followTask tells line by line how the upgrades go (reference/pks-cli.md §7.2),
// and shows a bar where one can be drawn. With quiet the lines are no result.
func (f *factory) followTask(ctx context.Context, api watch.TaskAPI, task apiclient.Answer[v1.TaskInfo], quiet bool) (apiclient.Answer[v1.TaskInfo], error) {
	progress := f.console.Progress("Upgrading clusters")
	say := f.console.Transcript(progress, quiet)
	say("Your taskID for the upgrade task is: " + task.Value.UUID)
	watcher := &watch.Task{
		API: api, ID: task.Value.UUID, Note: progress.Note,
		Began: func(turn v1.ClusterUpgradeInfo) {
			say("Started upgrading cluster: " + turn.ClusterName)
		},
		Ended: func(turn v1.ClusterUpgradeInfo) {
			say(turnEnd(turn))
		},
		Looked: func(task v1.TaskInfo) {
			for _, turn := range task.Clusters {
				progress.Show(turnStep(task, turn))
			}
			progress.Show(console.Step{Percent: taskPercent(task)})
		},
	}
	last, err := watcher.Follow(ctx, task, nil)
	progress.Close(err == nil)
	if err != nil {
		return last, err
	}
	f.console.Transcript(nil, quiet)(fmt.Sprintf("Upgrade task %s is %s.", last.Value.UUID, last.Value.Status))
	return last, nil
}

// turnEnd is the line for a cluster whose turn is over. The words for canaries and
// others are those of the original's samples.
func turnEnd(turn v1.ClusterUpgradeInfo) string {
	switch {
	case turn.State == v1.UpgradeUpToDate:
		return "Cluster is up to date already: " + turn.ClusterName
	case turn.State == v1.UpgradeDeleted:
		return "Cluster was deleted before its turn: " + turn.ClusterName
	case turn.LastActionState == string(pks.ActionSucceeded) && turn.IsCanary:
		return "Upgrading cluster succeeded: " + turn.ClusterName
	case turn.LastActionState == string(pks.ActionSucceeded):
		return "Finished upgrading cluster: " + turn.ClusterName
	case turn.LastActionState == string(pks.ActionQueued):
		return "Cluster was left out: " + turn.ClusterName
	case turn.Reason != "":
		return "Upgrading cluster failed: " + turn.ClusterName + ": " + turn.Reason
	}
	return "Upgrading cluster failed: " + turn.ClusterName
}

// turnStep is a cluster's row of the live table.
func turnStep(task v1.TaskInfo, turn v1.ClusterUpgradeInfo) console.Step {
	step := console.Step{Subject: turn.ClusterName, State: cmp.Or(turn.State, turn.LastActionState), Mark: console.Waiting}
	switch {
	case turn.LastActionState == string(pks.ActionInProgress):
		step.Mark, step.At = console.AtWork, time.Unix(turn.StartTime, 0)
	case turn.LastActionState == string(pks.ActionSucceeded):
		step.Mark = console.Done
	case watch.TurnEnded(task, turn) && turn.State != v1.UpgradeDeleted && turn.State != v1.UpgradeNotStarted:
		step.Mark = console.Failed
	}
	if turn.EndTime != 0 {
		step.At = time.Unix(turn.EndTime, 0)
	}
	if turn.IsCanary {
		step.State += " (canary)"
	}
	return step
}

func taskPercent(task v1.TaskInfo) int {
	ended := 0
	for _, turn := range task.Clusters {
		if watch.TurnEnded(task, turn) {
			ended++
		}
	}
	return ended * 100 / max(1, len(task.Clusters))
}

// notUpgraded is an error when the task has left a cluster behind.
func notUpgraded(task v1.TaskInfo) error {
	var behind []v1.ClusterUpgradeInfo
	for _, turn := range task.Clusters {
		if turn.LastActionState != string(pks.ActionSucceeded) {
			behind = append(behind, turn)
		}
	}
	if len(behind) == 0 {
		return nil
	}
	return &upgradeError{turns: behind, total: len(task.Clusters)}
}

// trimmed leaves out what a list like "a, b," has between its names.
func trimmed(names []string) []string {
	var kept []string
	for _, name := range names {
		if name = strings.TrimSpace(name); name != "" {
			kept = append(kept, name)
		}
	}
	return kept
}
