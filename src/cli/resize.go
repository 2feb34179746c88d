package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

func newResize(f *factory) *cobra.Command {
	var workers int32
	var pools, tags string
	c := &cobra.Command{
		Use:     "resize " + clusterName,
		Short:   "Changes the number of worker nodes for a cluster",
		Example: "  " + f.name + " resize my-cluster --num-nodes 5",
		Args:    exactly(f, clusterName),
	}
	o := f.changeFlags(c).withDryRun(c)
	flags := c.Flags()
	flags.Int32VarP(&workers, "num-nodes", "n", 0, "Number of worker nodes")
	flags.StringVar(&pools, "node-pool-instances", "", poolsHelp)
	flags.StringVar(&tags, "tags", "", tagsHelp)
	flags.Lookup("json").Usage += ". Only applicable when used with --wait flag"
	c.RunE = func(c *cobra.Command, args []string) error {
		var change v1.UpdateClusterParameters
		question := fmt.Sprintf("Are you sure you want to resize cluster %s? (y/n)", args[0])
		if flags.Changed("num-nodes") {
			n := int(workers)
			change.KubernetesWorkerInstances = &n
			question = fmt.Sprintf("Are you sure you want to resize cluster %s to %d worker nodes? (y/n)", args[0], n)
		} else if !flags.Changed("node-pool-instances") {
			return usagef(c, "--num-nodes (-n) must be given.")
		}
		if err := readPoolsAndTags(c, pools, tags, &change); err != nil {
			return err
		}
		return f.updateCluster(c, args[0], change, o, question)
	}
	return c
}
