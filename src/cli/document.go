package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	yaml "gopkg.in/yaml.v3"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// clusterDocument is a cluster as a file says that it shall be: what 'export'
// writes and 'apply' reads. Members that are absent are left as they are.
type clusterDocument struct {
	Name               string            `yaml:"name"`
	Plan               string            `yaml:"plan"`
	ExternalHostname   string            `yaml:"external_hostname"`
	NumNodes           *int              `yaml:"num_nodes,omitempty"`
	NodePoolInstances  map[string]int    `yaml:"node_pool_instances,omitempty"`
	NetworkProfile     string            `yaml:"network_profile,omitempty"`
	ComputeProfile     string            `yaml:"compute_profile,omitempty"`
	KubernetesProfile  string            `yaml:"kubernetes_profile,omitempty"`
	Tags               map[string]string `yaml:"tags,omitempty"`
	InsecureRegistries []string          `yaml:"insecure_registries,omitempty"`
	RegistryCAs        map[string]string `yaml:"registry_cas,omitempty"` // PEM by domain name
	UnsetHTTPProxy     []string          `yaml:"unset_http_proxy,omitempty"`
	VSphereConfigKey   string            `yaml:"vsphere_cloud_provider_config_key,omitempty"`
	KubeletDrain       drainDocument     `yaml:"kubelet_drain,omitempty"`
	DeletionLock       *bool             `yaml:"deletion_lock,omitempty"`

	tagsGiven bool
}

// drainDocument has the drain settings that differ from the plan's.
type drainDocument struct {
	Timeout          *int  `yaml:"timeout,omitempty"`      // minutes
	GracePeriod      *int  `yaml:"grace_period,omitempty"` // seconds
	Force            *bool `yaml:"force,omitempty"`
	IgnoreDaemonSets *bool `yaml:"ignore_daemonsets,omitempty"`
	DeleteLocalData  *bool `yaml:"delete_local_data,omitempty"`
	ForceNode        *bool `yaml:"force_node,omitempty"`
}

// parseDocument reads exactly one document and refuses keys that it does not
// know.
func parseDocument(content []byte) (clusterDocument, error) {
	var d clusterDocument
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	switch err := decoder.Decode(&d); {
	case errors.Is(err, io.EOF):
		return d, errors.New("it is empty")
	case err != nil:
		return d, errors.New(plainYAML(err))
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return d, errors.New("it holds more than one document")
	}
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal(content, &keys); err == nil {
		_, d.tagsGiven = keys["tags"]
	}
	if d.Name == "" {
		return d, errors.New("name is missing")
	}
	return d, nil
}

// plainYAML is what the YAML library says, on one line and without the names of
// this program's types.
func plainYAML(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if wrong, ok := errors.AsType[*yaml.TypeError](err); ok {
		text = strings.Join(wrong.Errors, "; ")
	}
	return strings.NewReplacer(
		" in type cli.clusterDocument", "", " in type cli.drainDocument", "",
		"cli.clusterDocument", "the description of a cluster", "cli.drainDocument", "kubelet_drain",
	).Replace(text)
}

// documentOf describes a cluster as it is.
func documentOf(c v1.Cluster) clusterDocument {
	p := c.Parameters
	d := clusterDocument{
		Name: c.Name, Plan: c.PlanName, ExternalHostname: p.KubernetesMasterHost,
		NetworkProfile: c.NetworkProfileName, ComputeProfile: c.ComputeProfileName, KubernetesProfile: c.KubernetesProfileName,
		NodePoolInstances: p.NodePoolInstances, KubeletDrain: drainOf(p.ClusterDetails),
	}
	if c.ComputeProfileName == "" {
		workers := p.KubernetesWorkerInstances
		d.NumNodes = &workers
	}
	for _, tag := range p.ClusterTags {
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		d.Tags[tag.Name] = tag.Value
	}
	for _, ca := range p.CustomCACerts {
		if d.RegistryCAs == nil {
			d.RegistryCAs = map[string]string{}
		}
		d.RegistryCAs[ca.DomainName] = ca.CACert
	}
	if p.Customization != nil {
		d.InsecureRegistries = p.Customization.InsecureRegistries
		d.UnsetHTTPProxy = p.Customization.UnsetHTTPProxy
		d.VSphereConfigKey = p.Customization.VSphereCloudProviderConfigKey
	}
	if c.DeletionLock {
		d.DeletionLock = &c.DeletionLock
	}
	return d
}

func drainOf(s *v1.KubernetesSettings) drainDocument {
	if s == nil {
		return drainDocument{}
	}
	return drainDocument{
		Timeout: parsed(s.DrainTimeout, strconv.Atoi), GracePeriod: parsed(s.DrainGracePeriod, strconv.Atoi),
		Force: parsed(s.DrainForce, strconv.ParseBool), IgnoreDaemonSets: parsed(s.DrainIgnoreDaemonSets, strconv.ParseBool),
		DeleteLocalData: parsed(s.DrainDeleteLocalData, strconv.ParseBool), ForceNode: parsed(s.DrainForceNode, strconv.ParseBool),
	}
}

func parsed[T any](text *string, parse func(string) (T, error)) *T {
	if text == nil {
		return nil
	}
	value, err := parse(*text)
	if err != nil {
		return nil
	}
	return &value
}

// settings are the drain settings as the API takes them.
func (d drainDocument) settings() v1.KubernetesSettings {
	return v1.KubernetesSettings{
		DrainTimeout: written(d.Timeout), DrainGracePeriod: written(d.GracePeriod), DrainForce: written(d.Force),
		DrainIgnoreDaemonSets: written(d.IgnoreDaemonSets), DrainDeleteLocalData: written(d.DeleteLocalData), DrainForceNode: written(d.ForceNode),
	}
}

func written[T any](value *T) *string {
	if value == nil {
		return nil
	}
	text := fmt.Sprint(*value)
	return &text
}

func (d clusterDocument) tags() []v1.ClusterTag {
	tags := make([]v1.ClusterTag, 0, len(d.Tags))
	for _, name := range slices.Sorted(maps.Keys(d.Tags)) {
		tags = append(tags, v1.ClusterTag{Name: name, Value: d.Tags[name]})
	}
	return tags
}

func (d clusterDocument) registryCAs() []v1.CustomCACert {
	var cas []v1.CustomCACert
	for _, domain := range slices.Sorted(maps.Keys(d.RegistryCAs)) {
		cas = append(cas, v1.CustomCACert{DomainName: domain, CACert: d.RegistryCAs[domain]})
	}
	return cas
}

// request asks for the cluster anew. What a new cluster cannot have at once is in
// the change that is to follow.
func (d clusterDocument) request() v1.ClusterRequest {
	request := v1.ClusterRequest{
		Name: d.Name, PlanName: d.Plan, NetworkProfileName: d.NetworkProfile, ComputeProfileName: d.ComputeProfile, KubernetesProfileName: d.KubernetesProfile,
		Parameters: v1.ClusterRequestParameters{
			KubernetesMasterHost: d.ExternalHostname, KubernetesWorkerInstances: d.NumNodes, NodePoolInstances: d.NodePoolInstances,
			ClusterTags: d.tags(), CustomCACerts: d.registryCAs(),
		},
	}
	if custom := (v1.K8sCustomization{
		InsecureRegistries: d.InsecureRegistries, UnsetHTTPProxy: d.UnsetHTTPProxy, VSphereCloudProviderConfigKey: d.VSphereConfigKey,
	}); !reflect.ValueOf(custom).IsZero() {
		request.Parameters.Customization = &custom
	}
	return request
}
