package cli

import "github.com/spf13/cobra"

func newPlans(f *factory) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "plans",
		Short: "View the preconfigured plans available",
		Args:  exactly(f),
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := f.api()
			if err != nil {
				return err
			}
			plans, err := api.Plans(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return f.console.JSON(plans.Raw)
			}
			rows := make([][]string, 0, len(plans.Value))
			for _, plan := range plans.Value {
				rows = append(rows, []string{plan.Name, plan.ID, plan.Description})
			}
			f.console.Table([]string{"Name", "ID", "Description"}, rows)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, jsonHelp)
	return c
}
