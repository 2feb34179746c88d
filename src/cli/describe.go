package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/pks"
)

func newDescribe(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "describe " + clusterName,
		Short: "Shows how the cluster is, and why",
		Long:  "Show a cluster as a tree: in one line what is well, and in full what is not.",
		Args:  exactly(f, clusterName),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx := c.Context()
		api, err := f.api()
		if err != nil {
			return err
		}
		cluster, err := api.ClusterDetails(ctx, args[0])
		if err != nil {
			return err
		}
		// The other view has the operation.
		if current, err := api.Cluster(ctx, args[0]); err == nil && cluster.Value.Operation == nil {
			cluster.Value.Operation = current.Value.Operation
		}
		f.console.Branches(described(cluster.Value, usageOf(ctx, api, args[0])))
		return nil
	}
	return c
}

// usageOf is what the cluster takes; nil when that cannot be told.
func usageOf(ctx context.Context, api *apiclient.Client, name string) *v1.ClusterUsage {
	usages, err := api.Usages(ctx)
	if err != nil {
		return nil // the tree is good without
	}
	for _, usage := range usages.Value {
		for _, c := range usage.Clusters {
			if c.Name == name {
				return &c
			}
		}
	}
	return nil
}

func described(c v1.Cluster, usage *v1.ClusterUsage) console.Branch {
	root := console.Branch{Text: fmt.Sprintf("%s (plan %s, %s)", c.Name, c.PlanName, c.UUID)}
	add := func(bad bool, text string, below ...console.Branch) {
		root.Below = append(root.Below, console.Branch{Text: text, Bad: bad, Below: below})
	}
	add(c.LastActionState == string(pks.ActionFailed), "Operation: "+c.LastAction+" "+c.LastActionState, operationLines(c)...)
	if len(c.AvailableUpgrades) == 0 {
		add(false, fmt.Sprintf("Versions: Kubernetes %s, PKS %s, up to date", c.KubernetesVersion, c.PKSVersion))
	} else {
		var lines []console.Branch
		for _, upgrade := range c.AvailableUpgrades {
			lines = append(lines, console.Branch{Text: "upgrade available: " + upgrade.Component + " " + upgrade.Version})
		}
		add(true, fmt.Sprintf("Versions: Kubernetes %s, PKS %s", c.KubernetesVersion, c.PKSVersion), lines...)
	}
	add(false, fmt.Sprintf("Masters: %s (%s:%d)", strings.Join(c.KubernetesMasterIPs, ", "), c.Parameters.KubernetesMasterHost, c.Parameters.KubernetesMasterPort))
	var pools []console.Branch
	for _, name := range sortedKeys(c.Parameters.NodePoolInstances) {
		pools = append(pools, console.Branch{Text: fmt.Sprintf("pool %s: %d", name, c.Parameters.NodePoolInstances[name])})
	}
	add(false, fmt.Sprintf("Workers: %d", c.Parameters.KubernetesWorkerInstances), pools...)
	var profiles []string
	for _, p := range []struct{ kind, name string }{{"network", c.NetworkProfileName}, {"compute", c.ComputeProfileName}, {"Kubernetes", c.KubernetesProfileName}} {
		if p.name != "" {
			profiles = append(profiles, p.kind+" "+p.name)
		}
	}
	if len(profiles) > 0 {
		add(false, "Profiles: "+strings.Join(profiles, ", "))
	}
	if usage != nil {
		memory := usage.Memory
		add(false, fmt.Sprintf("Usage: %d CPU, %s GB of memory", usage.CPU, gigabytes(&memory)))
	}
	if c.DeletionLock {
		add(false, "Locked against deletion")
	}
	return root
}

// operationLines tell about an operation that goes on or has gone wrong.
func operationLines(c v1.Cluster) []console.Branch {
	if c.LastActionState == string(pks.ActionSucceeded) {
		return nil
	}
	lines := []console.Branch{{Text: c.LastActionDescription}}
	op := c.Operation
	if op == nil {
		return lines
	}
	say := func(label, text string) {
		if text != "" {
			lines = append(lines, console.Branch{Text: label + text})
		}
	}
	if op.SettledAt == "" {
		say("", fmt.Sprintf("%d %% done", op.Percent))
	}
	say("requested by ", op.RequestedBy.Name+" at "+localTime(op.RequestedAt))
	if op.BOSHTask != 0 {
		say("", fmt.Sprintf("BOSH task %d", op.BOSHTask))
	}
	if op.ExpectedEnd != "" && op.SettledAt == "" {
		say("expected to end at ", localTime(op.ExpectedEnd))
	}
	if op.Failure != nil {
		say("why: ", op.Failure.Body)
		say("remedy: ", op.Failure.Remedy)
	}
	return lines
}
