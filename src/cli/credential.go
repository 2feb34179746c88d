package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientauthentication "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/kubeconfig"
	"github.com/pks-community/pks-release/src/pks"
)

// execVersion is the contract between kubectl and programs that get credentials.
const execVersion = "client.authentication.k8s.io/v1"

func newCredential(f *factory) *cobra.Command {
	var refresh bool
	c := &cobra.Command{
		Use:   "credential " + clusterName,
		Short: "Prints a credential of the cluster for kubectl",
		Long: "Print a credential as kubectl asks for it (" + execVersion + "). Kubeconfig\n" +
			"entries that 'get-credentials --exec' writes call this command. The credential is kept\n" +
			"for an hour at most.",
		Args: exactly(f, clusterName),
	}
	c.Flags().BoolVar(&refresh, "refresh", false, "Get a new credential even if the last one may still be good")
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx, name := c.Context(), args[0]
		store, err := f.store()
		if err != nil {
			return err
		}
		credentials, err := store.Load()
		if err != nil {
			return err
		}
		cache := store.Cache(credentials.API, credentials.Username, name)
		cached, ok := cache.Load(f.now())
		if (!ok || refresh) && cached.Refresh != "" {
			login, err := credentials.Again()
			if err != nil {
				return err
			}
			if cached, err = f.renew(ctx, cache, cached, login, name); err != nil {
				return err
			}
		} else if !ok || refresh {
			api, err := f.api()
			if err != nil {
				return err
			}
			config, err := bind(ctx, api, name)
			if err != nil {
				return err
			}
			if peopleLogin(config) != nil {
				return &clusterSessionError{cluster: name}
			}
			if cached, err = f.keep(ctx, cache, config); err != nil {
				return err
			}
		}
		document, err := execCredential(cached)
		if err != nil {
			return err
		}
		f.console.Printf("%s\n", document)
		return nil
	}
	return c
}

// clusterSessionError: the person must log in to the cluster again, and a program
// that kubectl calls cannot ask.
type clusterSessionError struct{ cluster string }

func (e *clusterSessionError) Error() string {
	return "the login to cluster " + e.cluster + " has ended"
}

// renew gets a new ID token for what was kept.
func (f *factory) renew(ctx context.Context, cache *session.Cache, old session.Credential, login session.Login, cluster string) (session.Credential, error) {
	renewed, err := cache.Renew(ctx, f.now(), old, func(ctx context.Context, kept session.Credential) (session.Credential, error) {
		person, err := session.Renew(ctx, login, kept.Client, kept.Refresh)
		kept.Token, kept.Refresh = person.ID, person.Refresh
		return kept, err
	})
	if errors.Is(err, session.ErrNotLoggedIn) {
		return session.Credential{}, &clusterSessionError{cluster: cluster}
	}
	return renewed, err
}

// bind gets a kubeconfig document for the caller.
func bind(ctx context.Context, client *apiclient.Client, cluster string) (*api.Config, error) {
	document, err := client.Bind(ctx, cluster)
	if err != nil {
		return nil, err
	}
	return kubeconfig.Parse(document)
}

// keep stores the secret part of a kubeconfig until it is to be renewed.
func (f *factory) keep(ctx context.Context, cache *session.Cache, config *api.Config) (session.Credential, error) {
	user := config.AuthInfos[userOf(config)]
	if settings := peopleLogin(config); settings != nil {
		return cache.Store(ctx, f.now(), session.Credential{
			Token: pks.Secret(settings[oidcID]), Refresh: pks.Secret(settings[oidcRefresh]), Client: settings[oidcClient],
		})
	}
	credential := session.Credential{
		Token:       pks.Secret(user.Token),
		Certificate: string(user.ClientCertificateData),
		Key:         pks.Secret(user.ClientKeyData),
	}
	return cache.Store(ctx, f.now(), credential)
}

// execCredential is what kubectl reads.
func execCredential(c session.Credential) ([]byte, error) {
	return json.Marshal(clientauthentication.ExecCredential{
		TypeMeta: metav1.TypeMeta{APIVersion: execVersion, Kind: "ExecCredential"},
		Status: &clientauthentication.ExecCredentialStatus{
			ExpirationTimestamp:   &metav1.Time{Time: c.Until},
			Token:                 c.Token.Reveal(),
			ClientCertificateData: c.Certificate,
			ClientKeyData:         c.Key.Reveal(),
		},
	})
}

// withoutSecret makes kubectl ask this program for the credential.
func (f *factory) withoutSecret(config *api.Config, cluster string) {
	command, err := os.Executable()
	if err != nil {
		command = f.name
	}
	exec := &api.ExecConfig{
		APIVersion: execVersion, Command: command, Args: []string{"credential", cluster},
		InteractiveMode: api.NeverExecInteractiveMode,
		InstallHint:     "Install " + f.name + " and log in with '" + f.name + " login'.",
	}
	for _, name := range []string{"PKS_HOME", session.EnvTarget} {
		if value := f.system.Getenv(name); value != "" {
			exec.Env = append(exec.Env, api.ExecEnvVar{Name: name, Value: value})
		}
	}
	config.AuthInfos[userOf(config)] = &api.AuthInfo{Exec: exec}
}
