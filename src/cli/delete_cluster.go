package cli

import (
	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/pks"
)

type deleteOptions struct {
	wait           bool
	nonInteractive bool
}

func newDeleteCluster(f *factory) *cobra.Command {
	var o deleteOptions
	c := &cobra.Command{
		Use:   "delete-cluster " + clusterName,
		Short: "Deletes a kubernetes cluster, requires cluster name",
		Args:  exactly(f, clusterName),
		RunE:  func(c *cobra.Command, args []string) error { return f.deleteCluster(c, args[0], o) },
	}
	flags := c.Flags()
	flags.BoolVar(&o.wait, "wait", false, waitHelp)
	flags.BoolVar(&o.nonInteractive, "non-interactive", false, nonInteractiveHelp)
	return c
}

func (f *factory) deleteCluster(c *cobra.Command, name string, o deleteOptions) error {
	ctx := c.Context()
	api, err := f.api()
	if err != nil {
		return err
	}
	if !o.nonInteractive {
		if err := f.confirm(c, "Are you sure you want to delete cluster "+name+"? (y/n)"); err != nil {
			return err
		}
	}
	follower := f.newFollower(api, name, pks.ActionDelete)
	if o.wait {
		if err := follower.Mark(ctx); err != nil {
			return err
		}
	}
	if err := api.DeleteCluster(ctx, name); err != nil {
		return changing(name, err)
	}
	if !o.wait {
		f.monitorHint(name)
		return nil
	}
	if _, err := follower.Follow(ctx); err != nil {
		return err
	}
	f.console.Printf("Deletion of %s completed\n", console.Clean(name))
	return nil
}
