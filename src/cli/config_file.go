package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
)

const configFileHelp = "Path of a JSON or YAML file with more settings"

// readConfigFile reads a document whose name ends in .json, .yml or .yaml
// (reference/pks-cli.md §16).
func readConfigFile(c *cobra.Command, path string) (map[string]json.RawMessage, error) {
	content, err := privatefile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration file: %w", err)
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
	case ".yml", ".yaml":
		if content, err = yaml.YAMLToJSONStrict(content); err != nil {
			return nil, usagef(c, "%s is not YAML.", path) // the error might quote a key
		}
	default:
		return nil, usagef(c, "--config-file %s: the name must end in .json, .yml or .yaml.", path)
	}
	var document map[string]json.RawMessage
	if err := json.Unmarshal(content, &document); err != nil || len(document) == 0 {
		return nil, usagef(c, "%s does not hold one object with settings.", path)
	}
	return document, nil
}

// notOffered are settings of the original that this product has none of.
func notOffered() []string {
	return []string{
		"enable_gmsa", "domain_controller_ip_address",
		"domain_fqdn", "domain_user_username", "domain_user_password", "domain_security_group", "domain_service_account",
		"runtime", "lock_container_runtime",
	}
}

// takeSettings reads the document's members into their targets. A member that
// nothing could be made of is refused: leaving it out would go unnoticed.
func takeSettings(c *cobra.Command, path string, document map[string]json.RawMessage, targets map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(document)) {
		target, known := targets[key]
		switch {
		case !known && slices.Contains(notOffered(), key):
			return usagef(c, "%s: %s is not offered by this PKS.", path, key)
		case !known:
			return usagef(c, "%s: %q is not a setting; there are %s.", path, key, strings.Join(slices.Sorted(maps.Keys(targets)), ", "))
		}
		if err := json.Unmarshal(document[key], target); err != nil {
			return usagef(c, "%s: %s is not of the form that is expected.", path, key)
		}
	}
	return nil
}

// readCreateConfig puts the file's settings into the request for a new cluster.
func readCreateConfig(c *cobra.Command, path string, p *v1.ClusterRequestParameters) error {
	document, err := readConfigFile(c, path)
	if err != nil {
		return err
	}
	var registries []string
	targets := platformTargets(&p.PlatformSettings)
	targets["custom_ca"], targets["custom_ca_certs"], targets["insecure_registries"] = &p.CustomCA, &p.CustomCACerts, &registries
	if err := takeSettings(c, path, document, targets); err != nil {
		return err
	}
	if len(registries) > 0 {
		p.Customization = &v1.K8sCustomization{InsecureRegistries: registries}
	}
	return nil
}

// readUpdateConfig puts the file's settings into a change.
func readUpdateConfig(c *cobra.Command, path string, change *v1.UpdateClusterParameters) error {
	document, err := readConfigFile(c, path)
	if err != nil {
		return err
	}
	if _, given := document["custom_ca"]; given {
		return usagef(c, "%s: custom_ca of a cluster cannot be changed once the cluster exists.", path)
	}
	targets := platformTargets(&change.PlatformSettings)
	targets["custom_ca_certs"], targets["insecure_registries"] = &change.CustomCACerts, &change.InsecureRegistries
	return takeSettings(c, path, document, targets)
}

func platformTargets(p *v1.PlatformSettings) map[string]any {
	return map[string]any{
		"http_proxy": &p.HTTPProxy, "https_proxy": &p.HTTPSProxy, "no_proxy": &p.NoProxy, "global_no_proxy_merge": &p.GlobalNoProxyMerge,
		"instance_groups": &p.InstanceGroups,
	}
}
