package cli

import (
	"errors"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/kubeconfig"
)

func newGetCredentials(f *factory) *cobra.Command {
	var exec bool
	var sso singleSignOn
	c := &cobra.Command{
		Use:   "get-credentials " + clusterName,
		Short: "Allows you to connect to a cluster and use kubectl",
		Long: "Fetch credentials for the cluster and write them into the kubeconfig: the file that\n" +
			"KUBECONFIG names, or ~/.kube/config. Everything else in it stays as it is.\n\n" +
			"Where people log in to the cluster itself (OIDC), the password is taken from\n" +
			envUserPassword + " or asked for, or single sign-on is used; kubectl then renews the login.",
		Args: exactly(f, clusterName),
		RunE: func(c *cobra.Command, args []string) error { return f.getCredentials(c, args[0], exec, sso) },
	}
	c.Flags().BoolVar(&exec, "exec", false, "Write no secret into the kubeconfig: kubectl calls '"+f.name+" credential' for it")
	sso.flags(c)
	return c
}

func (f *factory) getCredentials(c *cobra.Command, name string, exec bool, sso singleSignOn) error {
	ctx := c.Context()
	if err := sso.check(c); err != nil {
		return err
	}
	client, err := f.api()
	if err != nil {
		return err
	}
	paths, err := kubeconfig.Paths(f.system.Getenv)
	if err != nil {
		return err
	}
	f.console.Printf("Fetching credentials for cluster %s.\n", console.Clean(name))
	credentials, err := bind(ctx, client, name)
	if err != nil {
		return err
	}
	store, err := f.store()
	if err != nil {
		return err
	}
	stored, err := store.Load()
	if err != nil {
		return err
	}
	if peopleLogin(credentials) != nil {
		login, err := stored.Again()
		if err != nil {
			return err
		}
		if err := f.introduceOrTell(c, credentials, login, sso, exec); err != nil {
			return err
		}
	}
	if exec {
		if _, err := f.keep(ctx, store.Cache(stored.API, stored.Username, name), credentials); err != nil {
			return err
		}
		f.withoutSecret(credentials, name)
	}
	return f.mergeCredentials(c, paths, credentials)
}

// introduceOrTell lets a kubeconfig without tokens pass where another provider
// than UAA gives them, and says so.
func (f *factory) introduceOrTell(c *cobra.Command, config *api.Config, login session.Login, sso singleSignOn, exec bool) error {
	err := f.introduce(c, config, login, sso)
	if foreign, ok := errors.AsType[*foreignIssuerError](err); ok && !exec {
		f.console.Notef("Log in at %s and put the tokens of user %s into the kubeconfig: it has none.\n",
			console.Clean(foreign.issuer), console.Clean(userOf(config)))
		return nil
	}
	return err
}

func (f *factory) mergeCredentials(c *cobra.Command, paths []string, config *api.Config) error {
	if err := kubeconfig.Merge(c.Context(), paths, config); err != nil {
		return err
	}
	f.console.Printf("Context set for cluster %s.\n\n"+
		"You can now switch between clusters by using:\n"+
		"$kubectl config use-context <cluster-name>\n", console.Clean(config.CurrentContext))
	return nil
}
