package cli

import (
	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/pks"
)

func newWatch(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "watch " + clusterName,
		Short: "Shows how the operation on the cluster goes, to its end",
		Long: "Attach to the operation that goes on with a cluster, as --wait does. Ctrl-C stops\n" +
			"watching; the operation goes on.",
		Args: exactly(f, clusterName),
	}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx, name := c.Context(), args[0]
		api, err := f.api()
		if err != nil {
			return err
		}
		cluster, err := api.Cluster(ctx, name)
		if err != nil {
			return err
		}
		follower := f.newFollower(api, name, pks.Action(cluster.Value.LastAction))
		if op := cluster.Value.Operation; op != nil {
			follower.Operation = op.ID
		} else if err := follower.Mark(ctx); err != nil { // it has ended: its steps are old news
			return err
		}
		outcome, err := follower.Follow(ctx)
		if err != nil {
			return err
		}
		if outcome.Gone {
			f.console.Printf("Deletion of %s completed\n", console.Clean(name))
			return nil
		}
		return f.showCluster(ctx, o, outcome.Cluster)
	}
	return c
}
