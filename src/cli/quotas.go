package cli

import (
	"cmp"
	"strconv"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
)

const ownerName = "OWNER"

func newQuotas(f *factory) *cobra.Command {
	c := &cobra.Command{Use: "quotas", Short: "Show the limits of all owners of clusters", Args: exactly(f)}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		quotas, err := api.Quotas(c.Context())
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(quotas.Value))
		for _, q := range quotas.Value {
			rows = append(rows, []string{q.Owner, count(q.Limit.CPU), gigabytes(q.Limit.Memory), count(q.Limit.Cluster)})
		}
		return f.showTable(c.Context(), o, quotas.Raw, 0, []string{"Owner", "CPU", "Memory (GB)", "Clusters"}, rows)
	}
	return c
}

func newQuota(f *factory) *cobra.Command {
	c := &cobra.Command{Use: "quota " + ownerName, Short: "View the limits of an owner", Args: exactly(f, ownerName)}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		quota, err := api.Quota(c.Context(), args[0])
		if err != nil {
			return err
		}
		return f.show(c.Context(), o, quota.Raw, func() { f.quotaBlock(quota.Value) })
	}
	return c
}

func (f *factory) quotaBlock(q v1.Quota) {
	f.console.Block([]console.Field{
		{Label: "Owner", Value: q.Owner},
		{Label: "CPU", Value: count(q.Limit.CPU)},
		{Label: "Memory (GB)", Value: gigabytes(q.Limit.Memory)},
		{Label: "Clusters", Value: count(q.Limit.Cluster)},
	})
}

func newSetQuota(f *factory) *cobra.Command {
	var cpu, clusters int
	var memory float64
	c := &cobra.Command{
		Use:   "set-quota " + ownerName,
		Short: "Limits what the clusters of an owner may take",
		Long: "Set limits for an owner: a user name, or the name of a client. Limits that no flag\n" +
			"names stay as they are.",
		Example: "  " + f.name + " set-quota alana --cpu 20 --memory 64 --clusters 5",
		Args:    exactly(f, ownerName),
	}
	o := f.outputFlags(c)
	flags := c.Flags()
	flags.IntVar(&cpu, "cpu", 0, "Number of CPUs")
	flags.Float64Var(&memory, "memory", 0, "Memory in GB")
	flags.IntVar(&clusters, "clusters", 0, "Number of clusters")
	c.RunE = func(c *cobra.Command, args []string) error {
		quota := v1.Quota{Owner: args[0]}
		if flags.Changed("cpu") {
			quota.Limit.CPU = &cpu
		}
		if flags.Changed("memory") {
			quota.Limit.Memory = (*v1.Gigabytes)(&memory)
		}
		if flags.Changed("clusters") {
			quota.Limit.Cluster = &clusters
		}
		if quota.Limit == (v1.Limit{}) {
			return usagef(c, "At least one of --cpu, --memory and --clusters must be given.")
		}
		api, err := f.api()
		if err != nil {
			return err
		}
		ctx := c.Context()
		set, err := api.UpdateQuota(ctx, quota)
		if isNotFound(err) {
			set, err = api.CreateQuota(ctx, quota)
		}
		if err != nil {
			return err
		}
		return f.show(ctx, o, set.Raw, func() { f.quotaBlock(set.Value) })
	}
	return c
}

func newDeleteQuota(f *factory) *cobra.Command {
	var nonInteractive bool
	c := &cobra.Command{Use: "delete-quota " + ownerName, Short: "Takes the limits of an owner away", Args: exactly(f, ownerName)}
	c.Flags().BoolVar(&nonInteractive, "non-interactive", false, nonInteractiveHelp)
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		if !nonInteractive {
			if err := f.confirm(c, "Are you sure you want to delete the quota of "+args[0]+"? (y/n)"); err != nil {
				return err
			}
		}
		if err := api.DeleteQuota(c.Context(), args[0]); err != nil {
			return err
		}
		f.console.Printf("Deletion of %s completed\n", console.Clean(args[0]))
		return nil
	}
	return c
}

func newUsage(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "usage [" + ownerName + "]",
		Short: "Show what clusters take, by owner or of one owner",
		Args:  atMost(f, ownerName),
	}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		if len(args) > 0 {
			return f.usageOf(c, api, o, args[0])
		}
		usages, err := api.Usages(c.Context())
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(usages.Value))
		for _, u := range usages.Value {
			rows = append(rows, []string{u.Owner, strconv.Itoa(u.Totals.CPU), gigabytes(&u.Totals.Memory), strconv.Itoa(u.Totals.Cluster)})
		}
		return f.showTable(c.Context(), o, usages.Raw, 0, []string{"Owner", "CPU", "Memory (GB)", "Clusters"}, rows)
	}
	return c
}

func (f *factory) usageOf(c *cobra.Command, api *apiclient.Client, o *output, owner string) error {
	usage, err := api.Usage(c.Context(), owner)
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(usage.Value.Clusters)+1)
	for _, u := range usage.Value.Clusters {
		rows = append(rows, []string{u.Name, strconv.Itoa(u.CPU), gigabytes(&u.Memory), u.Source})
	}
	totals := usage.Value.Totals
	rows = append(rows, []string{"Total", strconv.Itoa(totals.CPU), gigabytes(&totals.Memory), ""})
	return f.showTable(c.Context(), o, usage.Raw, 1, []string{"Cluster", "CPU", "Memory (GB)", "Source"}, rows)
}

const noLimit = "no limit"

func count(n *int) string {
	if n == nil {
		return noLimit
	}
	return strconv.Itoa(*n)
}

func gigabytes(n *v1.Gigabytes) string {
	if n == nil {
		return noLimit
	}
	text, err := n.MarshalJSON()
	if err != nil {
		return noLimit // it never fails
	}
	return cmp.Or(string(text), noLimit)
}
