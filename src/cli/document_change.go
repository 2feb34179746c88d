package cli

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// changeTo is what makes the cluster that now describes into the wanted one, and
// the names of the settings that differ. Settings that a cluster keeps for life
// are an error when they differ.
func changeTo(now, wanted clusterDocument) (v1.UpdateClusterParameters, []string, error) {
	var change v1.UpdateClusterParameters
	var differ []string
	for _, fixed := range []struct{ name, now, wanted string }{
		{"plan", now.Plan, wanted.Plan},
		{"external_hostname", now.ExternalHostname, wanted.ExternalHostname},
	} {
		if fixed.wanted != "" && fixed.wanted != fixed.now {
			return change, nil, fmt.Errorf("%s of cluster %s is %s and cannot become %s", fixed.name, now.Name, fixed.now, fixed.wanted)
		}
	}
	note := func(name string, different bool) bool {
		if different {
			differ = append(differ, name)
		}
		return different
	}
	if note("num_nodes", wanted.NumNodes != nil && (now.NumNodes == nil || *now.NumNodes != *wanted.NumNodes)) {
		change.KubernetesWorkerInstances = wanted.NumNodes
	}
	for name, pool := range wanted.NodePoolInstances {
		if count, known := now.NodePoolInstances[name]; !known || count != pool {
			note("node_pool_instances", change.NodePoolInstances == nil)
			change.NodePoolInstances = wanted.NodePoolInstances
		}
	}
	for _, profile := range []struct {
		name, now, wanted string
		target            *string
	}{
		{"network_profile", now.NetworkProfile, wanted.NetworkProfile, &change.NetworkProfileName},
		{"compute_profile", now.ComputeProfile, wanted.ComputeProfile, &change.ComputeProfileName},
		{"kubernetes_profile", now.KubernetesProfile, wanted.KubernetesProfile, &change.KubernetesProfileName},
	} {
		if note(profile.name, profile.wanted != "" && profile.wanted != profile.now) {
			*profile.target = profile.wanted
		}
	}
	if note("tags", wanted.tagsGiven && !maps.Equal(now.Tags, wanted.Tags)) {
		change.ClusterTags = wanted.tags()
		change.DeleteAllTags = len(change.ClusterTags) == 0
	}
	if note("insecure_registries", len(wanted.InsecureRegistries) > 0 && !slices.Equal(now.InsecureRegistries, wanted.InsecureRegistries)) {
		change.InsecureRegistries = wanted.InsecureRegistries
	}
	var custom v1.K8sCustomization
	if note("unset_http_proxy", len(wanted.UnsetHTTPProxy) > 0 && !slices.Equal(now.UnsetHTTPProxy, wanted.UnsetHTTPProxy)) {
		custom.UnsetHTTPProxy, change.Customization = wanted.UnsetHTTPProxy, &custom
	}
	if note("vsphere_cloud_provider_config_key", wanted.VSphereConfigKey != "" && wanted.VSphereConfigKey != now.VSphereConfigKey) {
		custom.VSphereCloudProviderConfigKey, change.Customization = wanted.VSphereConfigKey, &custom
	}
	for _, ca := range wanted.registryCAs() {
		if strings.TrimSpace(now.RegistryCAs[ca.DomainName]) != strings.TrimSpace(ca.CACert) {
			note("registry_cas", len(change.CustomCACerts) == 0)
			change.CustomCACerts = append(change.CustomCACerts, ca)
		}
	}
	if drain := wanted.KubeletDrain.differing(now.KubeletDrain); note("kubelet_drain", drain != (v1.KubernetesSettings{})) {
		change.KubernetesSettings = drain
	}
	locked := now.DeletionLock != nil && *now.DeletionLock
	if note("deletion_lock", wanted.DeletionLock != nil && *wanted.DeletionLock != locked) {
		change.DeletionLock = wanted.DeletionLock
	}
	return change, differ, nil
}

// differing are the settings of d that now has not.
func (d drainDocument) differing(now drainDocument) v1.KubernetesSettings {
	wanted, present := d.settings(), now.settings()
	for _, flag := range drainFlags() {
		if w, p := flag.target(&wanted), flag.target(&present); reflect.DeepEqual(*w, *p) {
			*w = nil
		}
	}
	return wanted
}
