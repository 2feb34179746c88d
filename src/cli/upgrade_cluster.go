package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/watch"
	"github.com/pks-community/pks-release/src/pks"
)

const forceHelp = "Upgrade also what runs these versions already: for new stemcells and changed plans"

const nodesParallelHelp = "How many workers of a zone are replaced at the same time, 1 or 2, where there are at least\n3 of them; as the plan says if not given"

type upgradeOptions struct {
	*changeFlags
	force    bool
	preCheck bool
	parallel int32
}

func newUpgradeCluster(f *factory) *cobra.Command {
	var o upgradeOptions
	c := &cobra.Command{
		Use:   "upgrade-cluster " + clusterName,
		Short: "Upgrades the kubernetes cluster",
		Long: "Upgrade a cluster to the versions of the control plane. A cluster that runs them\n" +
			"already is left alone.",
		Example: "  " + f.name + " upgrade-cluster my-cluster --wait",
		Args:    exactly(f, clusterName),
	}
	o.changeFlags = f.changeFlags(c).withDryRun(c)
	c.Flags().BoolVar(&o.force, "force", false, forceHelp)
	c.Flags().Int32Var(&o.parallel, "nodes-parallel", 0, nodesParallelHelp)
	c.Flags().BoolVar(&o.preCheck, "pre-check", false, preCheckHelp)
	c.RunE = func(c *cobra.Command, args []string) error { return f.upgradeCluster(c, args[0], o) }
	return c
}

func (f *factory) upgradeCluster(c *cobra.Command, name string, o upgradeOptions) error {
	if c.Flags().Changed("nodes-parallel") && (o.parallel < 1 || o.parallel > 2) {
		return usagef(c, "--nodes-parallel %d is neither 1 nor 2.", o.parallel)
	}
	ctx := c.Context()
	api, err := f.api()
	if err != nil {
		return err
	}
	request := v1.UpgradeClustersRequest{Clusters: []string{name}, Force: o.force, NodesParallel: int(o.parallel)}
	if o.preCheck {
		if err := f.preCheck(ctx, api, name); err != nil {
			return err
		}
	}
	if o.dryRun {
		return f.previewUpgrades(ctx, api, request, o.out)
	}
	if !o.nonInteractive {
		if err := f.confirmUpgrade(c, []string{name}); err != nil {
			return err
		}
	}
	follower := f.newFollower(api, name, pks.ActionUpgrade)
	if o.wait {
		if err := follower.Mark(ctx); err != nil {
			return err
		}
	}
	task, err := api.UpgradeClusters(ctx, request)
	if err != nil {
		return changing(name, err)
	}
	if o.wait {
		return f.followUpgrade(ctx, api, follower, task, o.changeFlags)
	}
	return f.show(ctx, o.out, task.Raw, func() {
		if turn, err := watch.Turn(task.Value, name); err == nil && turn.State == v1.UpgradeUpToDate {
			f.saysUpToDate(name)
		} else {
			f.monitorHint(name)
		}
	})
}

// followUpgrade waits for the cluster's turn, and then for the end of its upgrade.
func (f *factory) followUpgrade(ctx context.Context, api *apiclient.Client, follower *watch.Follower, task apiclient.Answer[v1.TaskInfo], o *changeFlags) error {
	name := follower.Name
	queued := &watch.Task{
		API: api, ID: task.Value.UUID, Note: func(text string) { f.console.Notef("%s\n", text) },
		Began: func(v1.ClusterUpgradeInfo) {}, Ended: func(v1.ClusterUpgradeInfo) {},
	}
	if turn, err := watch.Turn(task.Value, name); err == nil && turn.LastActionState == string(pks.ActionQueued) {
		f.console.Notef("Cluster %s waits for its turn in upgrade task %s.\n", console.Clean(name), console.Clean(task.Value.UUID))
	}
	task, err := queued.Follow(ctx, task, func(task v1.TaskInfo) bool {
		turn, err := watch.Turn(task, name)
		return err != nil || turn.LastActionState == string(pks.ActionInProgress) || watch.TurnEnded(task, turn)
	})
	if err != nil {
		return err
	}
	turn, err := watch.Turn(task.Value, name)
	if err != nil {
		return err
	}
	switch {
	case turn.State == v1.UpgradeUpToDate:
		f.saysUpToDate(name)
		cluster, err := api.Cluster(ctx, name)
		if err != nil {
			return err
		}
		return f.showCluster(ctx, o.out, cluster)
	case turn.State == v1.UpgradeDeleted:
		return &apiclient.Error{Status: http.StatusNotFound, Code: pks.CodeClusterNotFound, Body: fmt.Sprintf("Cluster %s was deleted before its turn.", name)}
	case watch.TurnEnded(task.Value, turn) && turn.OperationID == "" && turn.LastActionState != string(pks.ActionSucceeded):
		return &upgradeError{turns: []v1.ClusterUpgradeInfo{turn}, total: 1}
	}
	outcome, err := follower.Follow(ctx)
	if err != nil {
		return err
	}
	return f.showCluster(ctx, o.out, outcome.Cluster)
}

func (f *factory) saysUpToDate(name string) {
	f.console.Notef("Cluster %s is up to date already.\n", console.Clean(name))
}

// confirmUpgrade asks as the original does (reference/pks-cli.md §11.6).
func (f *factory) confirmUpgrade(c *cobra.Command, names []string) error {
	shown := "all clusters"
	if len(names) > 0 {
		shown = enumerate(names)
	}
	return f.confirm(c, "Continue? (y/n):",
		"You are about to upgrade "+shown+".",
		"Warning: This operation may be long running and may block further operations on the cluster(s) until complete",
		"")
}

// enumerate joins names the way a sentence does: a, b and c.
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// upgradeError: a task has ended, and some of its clusters are not upgraded.
type upgradeError struct {
	turns []v1.ClusterUpgradeInfo // those
	total int
}

func (e *upgradeError) Error() string {
	names := make([]string, 0, len(e.turns))
	for _, turn := range e.turns {
		names = append(names, turn.ClusterName)
	}
	if e.total == 1 {
		return "Cluster " + enumerate(names) + " was not upgraded."
	}
	return fmt.Sprintf("%d of %d clusters were not upgraded: %s.", len(names), e.total, enumerate(names))
}

// reasons are why, one line per cluster that tells.
func (e *upgradeError) reasons() []string {
	var lines []string
	for _, turn := range e.turns {
		if turn.Reason != "" {
			lines = append(lines, turn.ClusterName+": "+turn.Reason)
		}
	}
	return lines
}
