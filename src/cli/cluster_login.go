package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/pks"
)

// Members of the configuration of kubectl's auth-provider "oidc"
// (reference/pks-cli.md §6.8).
const (
	oidcClient  = "client-id"
	oidcIssuer  = "idp-issuer-url"
	oidcID      = "id-token"
	oidcRefresh = "refresh-token"
)

// peopleLogin is how people log in to the cluster; nil when they have a token of
// the cluster instead.
func peopleLogin(config *api.Config) map[string]string {
	user := config.AuthInfos[userOf(config)]
	if user == nil || user.AuthProvider == nil {
		return nil
	}
	return user.AuthProvider.Config
}

func userOf(config *api.Config) string { return config.Contexts[config.CurrentContext].AuthInfo }

// wrongPersonError: somebody else has logged in than the credentials are for.
type wrongPersonError struct{ wanted, got string }

func (e *wrongPersonError) Error() string {
	return fmt.Sprintf("the credentials are for %s, but %s has logged in", e.wanted, e.got)
}

// foreignIssuerError: people log in to the cluster at a place that is not UAA.
type foreignIssuerError struct{ issuer string }

func (e *foreignIssuerError) Error() string {
	return "people log in to the cluster at " + e.issuer + ", which is not the UAA of PKS"
}

// introduce logs the person in, as the cluster wants it, and puts the tokens into
// the kubeconfig. Of a cluster that trusts another provider than UAA the tokens are
// that provider's business: it gives a *foreignIssuerError.
func (f *factory) introduce(c *cobra.Command, config *api.Config, login session.Login, sso singleSignOn) error {
	ctx := c.Context()
	settings := peopleLogin(config)
	if err := checkIssuer(ctx, login, settings); err != nil {
		return err
	}
	if sso.wanted() {
		if err := f.signOn(c, sso, settings[oidcClient], &login); err != nil {
			return err
		}
	} else if err := f.askForClusterPassword(c, &login); err != nil {
		return err
	}
	person, err := session.Introduce(ctx, login, settings[oidcClient])
	if err != nil {
		return err
	}
	return enter(config, person)
}

func checkIssuer(ctx context.Context, login session.Login, settings map[string]string) error {
	issuer, err := session.Issuer(ctx, login)
	if err != nil {
		return err
	}
	if issuer != settings[oidcIssuer] {
		return &foreignIssuerError{issuer: settings[oidcIssuer]}
	}
	return nil
}

// enter puts the person's tokens into the kubeconfig.
func enter(config *api.Config, person session.Person) error {
	if wanted := userOf(config); person.Name != wanted {
		return &wrongPersonError{wanted: wanted, got: person.Name}
	}
	settings := peopleLogin(config)
	settings[oidcID], settings[oidcRefresh] = person.ID.Reveal(), person.Refresh.Reveal()
	return nil
}

// askForClusterPassword takes the password from the environment or asks for it
// (reference/pks-cli.md §6.7).
func (f *factory) askForClusterPassword(c *cobra.Command, login *session.Login) error {
	if login.Password = f.passwordOfEnvironment(); login.Password != "" {
		return nil
	}
	if !f.console.Interactive() {
		return usagef(c, "The cluster wants %s to log in: set %s, or give --sso-passcode or --sso-auto; there is no terminal to ask on.", console.Clean(login.Username), envUserPassword)
	}
	var err error
	login.Password, err = f.console.Password(c.Context(), "Password: ")
	return err
}

func (f *factory) passwordOfEnvironment() pks.Secret {
	for _, name := range []string{envUserPassword, envUserPasswordTKGI} {
		if password := f.system.Getenv(name); password != "" {
			return pks.Secret(password)
		}
	}
	return ""
}

// describeClusterLogin says why a person could not be introduced to a cluster.
func (f *factory) describeClusterLogin(err error) (failure, bool) {
	if ended, ok := errors.AsType[*clusterSessionError](err); ok {
		return failure{what: sentence(ended), hints: []string{
			fmt.Sprintf("Log in again with '%s get-credentials %s --exec'.", f.name, ended.cluster)}, exit: pks.ExitDenied}, true
	}
	if wrong, ok := errors.AsType[*wrongPersonError](err); ok {
		return failure{what: sentence(wrong), hints: []string{"Log in to PKS and to the cluster as the same person."}, exit: pks.ExitDenied}, true
	}
	if foreign, ok := errors.AsType[*foreignIssuerError](err); ok {
		return failure{what: sentence(foreign), hints: []string{"Get the tokens there, with the tool of that provider."}, exit: pks.ExitFailed}, true
	}
	switch {
	case errors.Is(err, errNoPeople):
		return failure{what: sentence(errNoPeople), hints: []string{fmt.Sprintf("Its owner can use '%s get-credentials'.", f.name)}, exit: pks.ExitFailed}, true
	case errors.Is(err, session.ErrNoIDToken):
		return failure{what: sentence(session.ErrNoIDToken), hints: []string{"Ask an operator to give the scope to the client."}, exit: pks.ExitFailed}, true
	}
	return failure{}, false
}

func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
