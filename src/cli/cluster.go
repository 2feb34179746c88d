package cli

import "github.com/spf13/cobra"

func newCluster(f *factory) *cobra.Command {
	var details bool
	c := &cobra.Command{
		Use:   "cluster " + clusterName,
		Short: "View the details of the cluster",
		Args:  exactly(f, clusterName),
	}
	o := f.outputFlags(c)
	c.Flags().BoolVar(&details, "details", false, "Show details")
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx := c.Context()
		api, err := f.api()
		if err != nil {
			return err
		}
		if !details {
			cluster, err := api.Cluster(ctx, args[0])
			if err != nil {
				return err
			}
			return f.showCluster(ctx, o, cluster)
		}
		cluster, err := api.ClusterDetails(ctx, args[0])
		if err != nil {
			return err
		}
		return f.show(ctx, o, cluster.Raw, func() {
			f.clusterBlock(cluster)
			f.clusterDetails(cluster.Value.Parameters)
		})
	}
	return c
}
