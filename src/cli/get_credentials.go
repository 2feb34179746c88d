package cli

import (
	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/kubeconfig"
)

func newGetCredentials(f *factory) *cobra.Command {
	var exec bool
	c := &cobra.Command{
		Use:   "get-credentials " + clusterName,
		Short: "Allows you to connect to a cluster and use kubectl",
		Long: "Fetch credentials for the cluster and write them into the kubeconfig: the file that\n" +
			"KUBECONFIG names, or ~/.kube/config. Everything else in it stays as it is.",
		Args: exactly(f, clusterName),
		RunE: func(c *cobra.Command, args []string) error { return f.getCredentials(c, args[0], exec) },
	}
	c.Flags().BoolVar(&exec, "exec", false, "Write no secret into the kubeconfig: kubectl calls '"+f.name+" credential' for it")
	return c
}

func (f *factory) getCredentials(c *cobra.Command, name string, exec bool) error {
	ctx := c.Context()
	api, err := f.api()
	if err != nil {
		return err
	}
	paths, err := kubeconfig.Paths(f.system.Getenv)
	if err != nil {
		return err
	}
	f.console.Printf("Fetching credentials for cluster %s.\n", console.Clean(name))
	credentials, err := bind(ctx, api, name)
	if err != nil {
		return err
	}
	if exec {
		store, err := f.store()
		if err != nil {
			return err
		}
		login, err := store.Load()
		if err != nil {
			return err
		}
		if _, err := f.keep(ctx, store.Cache(login.API, login.Username, name), credentials); err != nil {
			return err
		}
		f.withoutSecret(credentials, name)
	}
	if err := kubeconfig.Merge(ctx, paths, credentials); err != nil {
		return err
	}
	f.console.Printf("Context set for cluster %s.\n\n"+
		"You can now switch between clusters by using:\n"+
		"$kubectl config use-context <cluster-name>\n", console.Clean(credentials.CurrentContext))
	return nil
}
