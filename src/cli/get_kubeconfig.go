package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/kubeconfig"
	"github.com/pks-community/pks-release/src/pks"
)

func newGetKubeconfig(f *factory) *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use:   "get-kubeconfig " + clusterName,
		Short: "Allows you to use kubectl on a cluster that you are a user of",
		Long: "Write a kubeconfig for a cluster that people log in to with their own names (OIDC).\n" +
			"Needs no login to PKS and no right in it: in the cluster you may do what its\n" +
			"administrators let you. Without --password the password is asked for.",
		Example: "  " + f.name + " get-kubeconfig my-cluster -u alana -a api.pks.example.com\n" +
			"  " + f.name + " get-kubeconfig my-cluster --sso-auto -a api.pks.example.com",
		Args: exactly(f, clusterName),
		RunE: func(c *cobra.Command, args []string) error { return f.getKubeconfig(c, args[0], o) },
	}
	flags := c.Flags()
	flags.StringVarP(&o.api, "api", "a", "", "The PKS API server URI")
	flags.StringVarP(&o.username, "username", "u", "", "Username")
	flags.StringVarP(&o.password, "password", "p", "", "Password; better: "+envUserPassword+" in the environment, or the prompt")
	flags.StringVar(&o.caCert, "ca-cert", "", "Path to CA Cert for PKS API")
	flags.BoolVarP(&o.skip, "skip-ssl-validation", "k", false, "Skip SSL Validation")
	o.sso.flags(c)
	return c
}

func (f *factory) getKubeconfig(c *cobra.Command, name string, o loginOptions) error {
	ctx := c.Context()
	store, err := f.store()
	if err != nil {
		return err
	}
	login, err := f.loginFrom(c, store, o)
	if err != nil {
		return err
	}
	paths, err := kubeconfig.Paths(f.system.Getenv)
	if err != nil {
		return err
	}
	if o.sso.wanted() {
		err = f.signOn(c, o.sso, session.ClusterClient, &login)
	} else {
		err = f.askForSecrets(c, &login)
	}
	if err != nil {
		return err
	}
	f.console.Printf("Fetching credentials for cluster %s.\n", console.Clean(name))
	person, err := session.Introduce(ctx, login, session.ClusterClient)
	if err != nil {
		return err
	}
	client, err := apiclient.New(apiclient.Config{
		URL: login.Target.API, TLS: login.TLS, Tokens: onceToken(person.Access), Timeout: login.Timeout, UserAgent: f.userAgent(),
	})
	if err != nil {
		return err
	}
	defer client.Close()
	document, err := client.BindAs(ctx, name, person.Name, true)
	if err != nil {
		return err
	}
	config, err := kubeconfig.Parse(document)
	if err != nil {
		return err
	}
	settings := peopleLogin(config)
	if settings == nil {
		return errNoPeople
	}
	err = checkIssuer(ctx, login, settings)
	if err == nil && settings[oidcClient] != session.ClusterClient {
		err = &foreignIssuerError{issuer: settings[oidcIssuer]}
	}
	if err == nil {
		err = enter(config, person)
	}
	if err != nil {
		return err
	}
	return f.mergeCredentials(c, paths, config)
}

// errNoPeople: a server of another make gave a credential of the cluster's own.
var errNoPeople = errors.New("people cannot log in to the cluster")

// onceToken is a token that cannot be renewed.
type onceToken pks.Secret

func (t onceToken) Token(context.Context) (pks.Secret, error) { return pks.Secret(t), nil }

func (t onceToken) Renew(context.Context, pks.Secret) (pks.Secret, error) {
	return "", session.ErrNotLoggedIn
}
