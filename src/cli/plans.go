package cli

import (
	"strconv"

	"github.com/spf13/cobra"
)

func newPlans(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "plans",
		Short: "View the preconfigured plans available",
		Args:  exactly(f),
	}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		plans, err := api.Plans(c.Context())
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(plans.Value))
		for _, plan := range plans.Value {
			rows = append(rows, []string{plan.Name, plan.ID, plan.Description, strconv.Itoa(plan.MasterInstances), strconv.Itoa(plan.WorkerInstances)})
		}
		return f.showTable(c.Context(), o, plans.Raw, 2, []string{"Name", "ID", "Description", "Masters", "Workers"}, rows)
	}
	return c
}
