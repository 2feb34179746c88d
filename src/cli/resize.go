package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

type resizeOptions struct {
	workers        int32
	asJSON         bool
	wait           bool
	nonInteractive bool
}

func newResize(f *factory) *cobra.Command {
	var o resizeOptions
	c := &cobra.Command{
		Use:     "resize " + clusterName,
		Short:   "Changes the number of worker nodes for a cluster",
		Example: "  " + f.name + " resize my-cluster --num-nodes 5",
		Args:    exactly(f, clusterName),
		RunE:    func(c *cobra.Command, args []string) error { return f.resize(c, args[0], o) },
	}
	flags := c.Flags()
	flags.Int32VarP(&o.workers, "num-nodes", "n", 0, "Number of worker nodes")
	flags.BoolVar(&o.asJSON, "json", false, jsonHelp+". Only applicable when used with --wait flag")
	flags.BoolVar(&o.wait, "wait", false, waitHelp)
	flags.BoolVar(&o.nonInteractive, "non-interactive", false, nonInteractiveHelp)
	return c
}

func (f *factory) resize(c *cobra.Command, name string, o resizeOptions) error {
	if !c.Flags().Changed("num-nodes") {
		return usagef(c, "--num-nodes (-n) must be given.")
	}
	ctx := c.Context()
	api, err := f.api()
	if err != nil {
		return err
	}
	if !o.nonInteractive {
		question := fmt.Sprintf("Are you sure you want to resize cluster %s to %d worker nodes? (y/n)", name, o.workers)
		if err := f.confirm(c, question); err != nil {
			return err
		}
	}
	follower := f.newFollower(api, name, pks.ActionUpdate)
	if o.wait {
		if err := follower.Mark(ctx); err != nil {
			return err
		}
	}
	workers := int(o.workers)
	if _, err := api.UpdateCluster(ctx, name, v1.UpdateClusterParameters{KubernetesWorkerInstances: &workers}); err != nil {
		return changing(name, err)
	}
	if !o.wait {
		f.monitorHint(name)
		return nil
	}
	outcome, err := follower.Follow(ctx)
	if err != nil {
		return err
	}
	return f.showCluster(outcome.Cluster, o.asJSON)
}
