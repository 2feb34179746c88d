package pks

import (
	"encoding/json"
	"maps"
	"slices"
)

// ClusterSpec is the full desired state of a cluster. Its JSON form is the
// "parameters" object of every OSB provision and update request, so the service
// adapter always sees all of it. An absent member means that the plan's or the
// product's own value holds.
type ClusterSpec struct {
	ClusterName     string `json:"cluster_name"`
	MasterHost      string `json:"kubernetes_master_host"`
	MasterPort      int    `json:"kubernetes_master_port"`
	WorkerInstances int    `json:"kubernetes_worker_instances"`

	Tags []Tag `json:"cluster_tags,omitempty"`

	// Drain overrides the plan's drain settings, member by member.
	Drain DrainSettings `json:"kubelet_drain,omitzero"`

	// CustomCA signs the API server's certificate; nil for an authority of the
	// cluster's own.
	CustomCA *CustomCA `json:"custom_ca,omitempty"`

	// Certificates says from which of the cluster's own authorities its certificates
	// come.
	Certificates CertificateAuthorities `json:"certificates,omitzero"`

	CustomCACerts      []RegistryCA `json:"custom_ca_certs,omitempty"`
	InsecureRegistries []string     `json:"insecure_registries,omitempty"`

	// UnsetHTTPProxy names the jobs that must not use the proxy: "runtime",
	// "kube-apiserver".
	UnsetHTTPProxy []string `json:"unset_http_proxy,omitempty"`

	// VSphereCloudProviderConfigKey matches ^[a-zA-Z0-9]+$.
	VSphereCloudProviderConfigKey string `json:"vsphere_cloud_provider_config_key,omitempty"`

	Proxy *Proxy `json:"proxy,omitempty"`

	// VMExtensions adds named vm_extensions to instance groups: group → extensions.
	VMExtensions map[string][]string `json:"vm_extensions,omitempty"`

	// VMExtensionProperties are cloud properties of the cluster's own for the
	// machines of an instance group: group → object (reference/pks-cli.md §16.4).
	VMExtensionProperties map[string]json.RawMessage `json:"vm_extension_properties,omitempty"`

	NetworkProfile    *Profile `json:"network_profile,omitempty"`
	ComputeProfile    *Profile `json:"compute_profile,omitempty"`
	KubernetesProfile *Profile `json:"kubernetes_profile,omitempty"`

	// NodesParallel is how many workers of a zone, 1 or 2, the last upgrade replaced
	// at the same time; 0 leaves it to the plan. Each upgrade sets it anew.
	NodesParallel int `json:"nodes_parallel,omitempty"`

	// NodePoolInstances overrides the instances of the compute profile's pools.
	NodePoolInstances map[string]int `json:"node_pool_instances,omitempty"`
}

// Tag is one key and value put on the cluster's VMs. Category is vSphere's.
type Tag struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Category string `json:"category,omitempty"`
}

// DrainSettings say how a node is emptied before it stops. Nil means "as the
// level below says": cluster over plan over product default.
type DrainSettings struct {
	TimeoutMinutes     *int  `json:"timeout_minutes,omitempty"`      // 0–1440, 0 waits for ever
	GracePeriodSeconds *int  `json:"grace_period_seconds,omitempty"` // -1–86400, -1 is the pod's own
	Force              *bool `json:"force,omitempty"`
	IgnoreDaemonSets   *bool `json:"ignore_daemonsets,omitempty"`
	DeleteLocalData    *bool `json:"delete_local_data,omitempty"`
	ForceNode          *bool `json:"force_node,omitempty"`
}

// RegistryCA is a CA certificate trusted for one image registry.
type RegistryCA struct {
	DomainName string `json:"domain_name"`
	CACert     string `json:"ca_cert"` // PEM
}

// Proxy is the HTTP proxy of one cluster's nodes.
type Proxy struct {
	HTTP    ProxyServer `json:"http_proxy,omitzero"`
	HTTPS   ProxyServer `json:"https_proxy,omitzero"`
	NoProxy []string    `json:"no_proxy,omitempty"`
	// MergeNoProxy adds the entries of the plan's proxy to NoProxy.
	MergeNoProxy bool `json:"global_no_proxy_merge,omitempty"`
}

// ProxyServer is where a proxy listens and who may use it. URL is http://….
type ProxyServer struct {
	URL      string `json:"url,omitempty"`
	Username string `json:"username,omitempty"`
	Password Secret `json:"password,omitempty"`
}

// Profile is a copy of a named profile, taken when the cluster was given it, so
// that a later change of the profile does not reach the cluster unasked.
type Profile struct {
	Name       string          `json:"name"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
}

// Clone returns a copy that shares no memory with s.
func (s ClusterSpec) Clone() ClusterSpec {
	c := s
	c.Tags = slices.Clone(s.Tags)
	c.Drain = s.Drain.clone()
	c.CustomCACerts = slices.Clone(s.CustomCACerts)
	c.InsecureRegistries = slices.Clone(s.InsecureRegistries)
	c.UnsetHTTPProxy = slices.Clone(s.UnsetHTTPProxy)
	c.CustomCA = clonePtr(s.CustomCA)
	if s.Proxy != nil {
		p := *s.Proxy
		p.NoProxy = slices.Clone(s.Proxy.NoProxy)
		c.Proxy = &p
	}
	if s.VMExtensions != nil {
		c.VMExtensions = make(map[string][]string, len(s.VMExtensions))
		for group, extensions := range s.VMExtensions {
			c.VMExtensions[group] = slices.Clone(extensions)
		}
	}
	if s.VMExtensionProperties != nil {
		c.VMExtensionProperties = make(map[string]json.RawMessage, len(s.VMExtensionProperties))
		for group, properties := range s.VMExtensionProperties {
			c.VMExtensionProperties[group] = slices.Clone(properties)
		}
	}
	c.NetworkProfile = s.NetworkProfile.clone()
	c.ComputeProfile = s.ComputeProfile.clone()
	c.KubernetesProfile = s.KubernetesProfile.clone()
	c.NodePoolInstances = maps.Clone(s.NodePoolInstances)
	return c
}

func (d DrainSettings) clone() DrainSettings {
	return DrainSettings{
		TimeoutMinutes:     clonePtr(d.TimeoutMinutes),
		GracePeriodSeconds: clonePtr(d.GracePeriodSeconds),
		Force:              clonePtr(d.Force),
		IgnoreDaemonSets:   clonePtr(d.IgnoreDaemonSets),
		DeleteLocalData:    clonePtr(d.DeleteLocalData),
		ForceNode:          clonePtr(d.ForceNode),
	}
}

func (p *Profile) clone() *Profile {
	if p == nil {
		return nil
	}
	return &Profile{Name: p.Name, Parameters: slices.Clone(p.Parameters)}
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
