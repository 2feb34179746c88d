package cli

import (
	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/pks"
)

func newCancelTask(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel-task " + taskID,
		Short: "Cancel the upgrade task",
		Long: "Leave out the clusters of an upgrade task that have not begun. Upgrades that are at\n" +
			"work go on to their end; stop one with '" + f.name + " cancel CLUSTER-NAME'.",
		Args: exactly(f, taskID),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := f.api()
			if err != nil {
				return err
			}
			task, err := api.CancelTask(c.Context(), args[0])
			if err != nil {
				return err
			}
			f.console.Printf("Upgrade task %s is canceled.\n", console.Clean(args[0]))
			var atWork []string
			for _, turn := range task.Value.Clusters {
				if turn.LastActionState == string(pks.ActionInProgress) {
					atWork = append(atWork, turn.ClusterName)
				}
			}
			if len(atWork) > 0 {
				f.console.Notef("Still being upgraded: %s.\n", console.Clean(enumerate(atWork)))
			}
			return nil
		},
	}
}
