package cli

import "github.com/spf13/cobra"

func newCluster(f *factory) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "cluster " + clusterName,
		Short: "View the details of the cluster",
		Args:  exactly(f, clusterName),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := f.api()
			if err != nil {
				return err
			}
			cluster, err := api.Cluster(c.Context(), args[0])
			if err != nil {
				return err
			}
			return f.showCluster(cluster, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return c
}
