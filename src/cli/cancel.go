package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/pks"
)

func newCancel(f *factory) *cobra.Command {
	var nonInteractive bool
	c := &cobra.Command{
		Use:   "cancel " + clusterName,
		Short: "Stops the operation that goes on with the cluster",
		Long: "Stop the creation, update, upgrade or deletion that goes on with a cluster, and say in\n" +
			"which state it leaves the cluster.",
		Args: exactly(f, clusterName),
	}
	o := f.outputFlags(c)
	c.Flags().BoolVar(&nonInteractive, "non-interactive", false, nonInteractiveHelp)
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx, name := c.Context(), args[0]
		api, err := f.api()
		if err != nil {
			return err
		}
		if !nonInteractive {
			if err := f.confirm(c, "Are you sure you want to cancel the operation on cluster "+name+"? (y/n)"); err != nil {
				return err
			}
		}
		operation, err := api.CancelOperation(ctx, name)
		if err != nil {
			return changing(name, err)
		}
		return f.show(ctx, o, operation.Raw, func() {
			op := operation.Value
			switch pks.OperationState(op.State) {
			case pks.OperationCancelled:
				f.console.Printf("%s\n", console.Clean(op.Description))
			case pks.OperationSucceeded, pks.OperationFailed:
				f.console.Printf("It had ended before: %s\n", console.Clean(op.Description))
			default:
				f.console.Printf("The operation is being stopped.\n")
				f.console.Notef("Use '%s watch %s' to see where it lands\n", f.name, console.Clean(name))
			}
		})
	}
	return c
}

func newRetry(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "retry " + clusterName,
		Short: "Begins again the operation that failed or was cancelled",
		Args:  exactly(f, clusterName),
	}
	o := f.changeFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx, name := c.Context(), args[0]
		api, err := f.api()
		if err != nil {
			return err
		}
		before, err := api.Cluster(ctx, name)
		if err != nil {
			return err
		}
		last := before.Value
		if !o.nonInteractive {
			question := fmt.Sprintf("Are you sure you want to repeat the last operation (%s) on cluster %s? (y/n)", last.LastAction, name)
			if err := f.confirm(c, question); err != nil {
				return err
			}
		}
		follower := f.newFollower(api, name, pks.Action(last.LastAction))
		if o.wait {
			if err := follower.Mark(ctx); err != nil {
				return err
			}
		}
		cluster, err := api.RetryOperation(ctx, name)
		if err != nil {
			return changing(name, err)
		}
		if !o.wait {
			return f.show(ctx, o.out, cluster.Raw, func() { f.monitorHint(name) })
		}
		follower.Action = pks.Action(cluster.Value.LastAction)
		outcome, err := follower.Follow(ctx)
		if err != nil {
			return err
		}
		if outcome.Gone {
			f.console.Printf("Deletion of %s completed\n", console.Clean(name))
			return nil
		}
		return f.showCluster(ctx, o.out, outcome.Cluster)
	}
	return c
}
