package kubeconfig

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Parse reads the kubeconfig document of a binding answer (reference/pks-api.md
// §6.1). It refuses what kubectl could not use, and what would make kubectl run a
// program or read a file of this machine: the document comes over the network.
func Parse(document []byte) (*api.Config, error) {
	config, err := clientcmd.Load(document)
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	if err := checkComplete(config); err != nil {
		return nil, fmt.Errorf("the credentials cannot be used: %w", err)
	}
	if err := checkHarmless(config); err != nil {
		return nil, fmt.Errorf("the credentials are refused: %w", err)
	}
	return config, nil
}

func checkComplete(config *api.Config) error {
	if len(config.Clusters) == 0 || len(config.Contexts) == 0 || len(config.AuthInfos) == 0 {
		return errors.New("a cluster, a context or a user is missing")
	}
	if config.CurrentContext == "" {
		return errors.New("current-context is missing")
	}
	if config.Contexts[config.CurrentContext] == nil {
		return fmt.Errorf("current-context %q is not among the contexts", config.CurrentContext)
	}
	for _, name := range slices.Sorted(maps.Keys(config.Contexts)) {
		context := config.Contexts[name]
		if config.Clusters[context.Cluster] == nil {
			return fmt.Errorf("context %q names cluster %q, which is missing", name, context.Cluster)
		}
		if config.AuthInfos[context.AuthInfo] == nil {
			return fmt.Errorf("context %q names user %q, which is missing", name, context.AuthInfo)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(config.Clusters)) {
		if config.Clusters[name].Server == "" {
			return fmt.Errorf("cluster %q has no server", name)
		}
	}
	return nil
}

func checkHarmless(config *api.Config) error {
	for _, name := range slices.Sorted(maps.Keys(config.Clusters)) {
		if config.Clusters[name].CertificateAuthority != "" {
			return fmt.Errorf("cluster %q names a file of this machine", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(config.AuthInfos)) {
		user := config.AuthInfos[name]
		switch {
		case user.Exec != nil:
			return fmt.Errorf("user %q would run a program", name)
		case user.AuthProvider != nil && user.AuthProvider.Name != "oidc":
			return fmt.Errorf("user %q has the unknown auth-provider %q", name, user.AuthProvider.Name)
		case user.AuthProvider != nil && user.AuthProvider.Config["idp-certificate-authority"] != "":
			return fmt.Errorf("user %q names a file of this machine", name)
		case user.TokenFile != "", user.ClientCertificate != "", user.ClientKey != "":
			return fmt.Errorf("user %q names a file of this machine", name)
		}
	}
	return nil
}
