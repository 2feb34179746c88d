package cli

import "github.com/spf13/cobra"

func newClusters(f *factory) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "clusters",
		Short: "Show all clusters created with PKS",
		Args:  exactly(f),
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := f.api()
			if err != nil {
				return err
			}
			clusters, err := api.Clusters(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return f.console.JSON(clusters.Raw)
			}
			rows := make([][]string, 0, len(clusters.Value))
			for _, c := range clusters.Value {
				rows = append(rows, []string{c.PKSVersion, c.Name, c.KubernetesVersion, c.PlanName, c.UUID, c.LastActionState, c.LastAction})
			}
			f.console.Table([]string{"PKS Version", "Name", "k8s Version", "Plan Name", "UUID", "Status", "Action"}, rows)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return c
}
