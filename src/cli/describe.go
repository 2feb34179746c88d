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
	var all bool
	c := &cobra.Command{
		Use:   "describe " + clusterName,
		Short: "Shows how the cluster is, and why",
		Long: "Show a cluster as a tree: in one line what is well, and in full what is not. The\n" +
			"machines are asked how they are, which takes a moment.",
		Args: exactly(f, clusterName),
	}
	c.Flags().BoolVar(&all, "all", false, "Show in full also what is well")
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		d, err := f.look(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		d.all = all
		f.console.Branches(d.tree())
		return nil
	}
	return c
}

// description is what is known of a cluster. Members but the cluster are nil where
// the server does not tell: the tree is good without.
type description struct {
	cluster  v1.Cluster
	machines []v1.Machine
	silent   string // why there are no machines
	expiring []v1.Certificate
	untold   bool // about certificates
	owner    string
	usage    *v1.ClusterUsage
	totals   v1.UsageTotals
	quota    *v1.Quota
	all      bool
}

// look asks for all there is to know.
func (f *factory) look(ctx context.Context, api *apiclient.Client, name string) (description, error) {
	cluster, err := api.ClusterDetails(ctx, name)
	if err != nil {
		return description{}, err
	}
	d := description{cluster: cluster.Value}
	// The other view has the operation.
	if current, err := api.Cluster(ctx, name); err == nil && d.cluster.Operation == nil {
		d.cluster.Operation = current.Value.Operation
	}
	if d.machines, err = machines(ctx, api, name); err != nil {
		d.silent = f.describe(ctx, err).what
	}
	if d.expiring, err = expiring(ctx, api, name); err != nil {
		d.untold = true
	}
	usages, err := api.Usages(ctx)
	if err != nil {
		return d, ctx.Err()
	}
	for _, usage := range usages.Value {
		for _, c := range usage.Clusters {
			if c.Name == name {
				d.owner, d.usage, d.totals = usage.Owner, &c, usage.Totals
			}
		}
	}
	if quotas, err := api.Quotas(ctx); err == nil {
		for _, quota := range quotas.Value {
			if quota.Owner == d.owner {
				d.quota = &quota
			}
		}
	}
	return d, ctx.Err()
}

func (d description) tree() console.Branch {
	c := d.cluster
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
	root.Below = append(root.Below, d.machineBranches()...)
	var profiles []string
	for _, p := range []struct{ kind, name string }{{"network", c.NetworkProfileName}, {"compute", c.ComputeProfileName}, {"Kubernetes", c.KubernetesProfileName}} {
		if p.name != "" {
			profiles = append(profiles, p.kind+" "+p.name)
		}
	}
	if len(profiles) > 0 {
		add(false, "Profiles: "+strings.Join(profiles, ", "))
	}
	if !d.untold {
		root.Below = append(root.Below, certificateBranch(d.expiring))
	}
	if d.usage != nil {
		add(false, fmt.Sprintf("Usage: %d CPU, %s GB of memory", d.usage.CPU, gigabytes(&d.usage.Memory)))
	}
	if d.quota != nil {
		root.Below = append(root.Below, quotaBranch(*d.quota, d.totals))
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
