package cli

import (
	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
)

func newLock(f *factory) *cobra.Command {
	return f.lockCommand("lock", "Keeps the cluster from being deleted", true)
}

func newUnlock(f *factory) *cobra.Command {
	return f.lockCommand("unlock", "Lets the cluster be deleted again", false)
}

func (f *factory) lockCommand(verb, short string, lock bool) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " " + clusterName,
		Short: short,
		Args:  exactly(f, clusterName),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := f.api()
			if err != nil {
				return err
			}
			return f.setLock(c, api, args[0], lock)
		},
	}
}

func (f *factory) setLock(c *cobra.Command, api *apiclient.Client, name string, lock bool) error {
	if _, err := api.UpdateCluster(c.Context(), name, v1.UpdateClusterParameters{DeletionLock: &lock}); err != nil {
		return changing(name, err)
	}
	if lock {
		f.console.Printf("Cluster %s is locked: it cannot be deleted.\n", console.Clean(name))
	} else {
		f.console.Printf("Cluster %s is unlocked: it can be deleted.\n", console.Clean(name))
	}
	return nil
}
