package cli

import (
	"context"
	"encoding/json"
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
		if !ok || refresh {
			api, err := f.api()
			if err != nil {
				return err
			}
			config, err := bind(ctx, api, name)
			if err != nil {
				return err
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
	user := config.AuthInfos[config.Contexts[config.CurrentContext].AuthInfo]
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
	config.AuthInfos[config.Contexts[config.CurrentContext].AuthInfo] = &api.AuthInfo{Exec: exec}
}
