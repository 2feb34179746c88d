// Package v1 holds the JSON documents of the REST API's /v1 paths, as clients
// have known them since PKS 1.0 (reference/pks-api.md §5–§7). Server, client and
// command line share them; they carry no behaviour.
package v1

import "encoding/json"

// InProgress is what kubernetes_master_ips holds while no address is known.
const InProgress = "In Progress"

// Cluster is the answer of every cluster path. Required members are never null.
type Cluster struct {
	Name                  string            `json:"name"`
	PlanName              string            `json:"plan_name"`
	LastAction            string            `json:"last_action"`
	LastActionState       string            `json:"last_action_state"`
	LastActionDescription string            `json:"last_action_description"`
	UUID                  string            `json:"uuid"`
	KubernetesMasterIPs   []string          `json:"kubernetes_master_ips"`
	NetworkProfileName    string            `json:"network_profile_name"`
	ComputeProfileName    string            `json:"compute_profile_name"`
	KubernetesProfileName string            `json:"kubernetes_profile_name"`
	KubernetesVersion     string            `json:"k8s_version"`
	PKSVersion            string            `json:"pks_version"`
	AvailableUpgrades     []Upgrade         `json:"available_upgrades"`
	Parameters            ClusterParameters `json:"parameters"`

	// DeletionLock and Operation are additions of this product; old clients ignore
	// them. Operation is there while one runs, and when the last did not succeed;
	// lists leave it out.
	DeletionLock bool       `json:"deletion_lock,omitempty"`
	Operation    *Operation `json:"operation,omitempty"`
}

// Upgrade is a version that the cluster could be given.
type Upgrade struct {
	Component string `json:"component"`
	Version   string `json:"version"`
}

// ClusterParameters are the settings of a cluster, in requests and answers.
type ClusterParameters struct {
	KubernetesMasterHost      string  `json:"kubernetes_master_host"`
	KubernetesMasterPort      int     `json:"kubernetes_master_port"`
	WorkerHAProxyIPAddresses  *string `json:"worker_haproxy_ip_addresses"`
	KubernetesWorkerInstances int     `json:"kubernetes_worker_instances"`
	AuthorizationMode         *string `json:"authorization_mode"`

	ClusterTags    []ClusterTag        `json:"cluster_tags,omitempty"`
	CustomCACerts  []CustomCACert      `json:"custom_ca_certs,omitempty"`
	Customization  *K8sCustomization   `json:"k8s_customization_parameters,omitempty"`
	NetworkProfile *string             `json:"nsxt_network_profile,omitempty"` // JSON in a string
	NetworkDetails *string             `json:"nsxt_network_details,omitempty"` // JSON in a string
	ComputeProfile *string             `json:"compute_profile,omitempty"`      // JSON in a string
	PlanDetails    *KubernetesSettings `json:"kubernetes_setting_plan_details,omitempty"`
	ClusterDetails *KubernetesSettings `json:"kubernetes_setting_cluster_details,omitempty"`

	// NodePoolInstances are the numbers of workers that were asked for by node pool;
	// the others are the compute profile's.
	NodePoolInstances map[string]int `json:"node_pool_instances,omitempty"`
}

// ClusterTag is one key and value put on the cluster's VMs; Category is
// vSphere's.
type ClusterTag struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Category string `json:"category,omitempty"`
}

// CustomCACert is a CA that the nodes trust for one image registry.
type CustomCACert struct {
	DomainName string `json:"domain_name"`
	CACert     string `json:"ca_cert"` // PEM
}

// K8sCustomization are the rarer settings (reference/pks-api.md §5.2).
type K8sCustomization struct {
	VSphereCloudProviderConfigKey string   `json:"vsphere_cloud_provider_config_key,omitempty"`
	UnsetHTTPProxy                []string `json:"unset_http_proxy,omitempty"`
	InsecureRegistries            []string `json:"insecure_registries,omitempty"`
}

// KubernetesSettings say how nodes are drained. All are strings, as clients know
// them: numbers in digits, "true" and "false".
type KubernetesSettings struct {
	DrainTimeout          *string `json:"kubelet_drain_timeout,omitempty"`      // minutes
	DrainGracePeriod      *string `json:"kubelet_drain_grace_period,omitempty"` // seconds
	DrainForce            *string `json:"kubelet_drain_force,omitempty"`
	DrainIgnoreDaemonSets *string `json:"kubelet_drain_ignore_daemonsets,omitempty"`
	DrainDeleteLocalData  *string `json:"kubelet_drain_delete_local_data,omitempty"`
	DrainForceNode        *string `json:"kubelet_drain_force_node,omitempty"`
}

// ClusterRequest is the body of POST /v1/clusters as this module's own client
// sends it. The server reads more leniently (reference/pks-api.md §17).
type ClusterRequest struct {
	Name                  string                   `json:"name"`
	PlanName              string                   `json:"plan_name"`
	NetworkProfileName    string                   `json:"network_profile_name,omitempty"`
	ComputeProfileName    string                   `json:"compute_profile_name,omitempty"`
	KubernetesProfileName string                   `json:"kubernetes_profile_name,omitempty"`
	Parameters            ClusterRequestParameters `json:"parameters"`
}

// ClusterRequestParameters are the settings a new cluster is asked for with.
type ClusterRequestParameters struct {
	KubernetesMasterHost string `json:"kubernetes_master_host"`
	KubernetesMasterPort int    `json:"kubernetes_master_port,omitempty"`
	// KubernetesWorkerInstances: nil for the plan's own number.
	KubernetesWorkerInstances *int `json:"kubernetes_worker_instances,omitempty"`

	ClusterTags   []ClusterTag      `json:"cluster_tags,omitempty"`
	CustomCACerts []CustomCACert    `json:"custom_ca_certs,omitempty"`
	Customization *K8sCustomization `json:"k8s_customization_parameters,omitempty"`

	// NodePoolInstances are numbers of workers by node pool of the compute profile.
	NodePoolInstances map[string]int `json:"node_pool_instances,omitempty"`

	// CustomCA is an object with certificate and private_key, both PEM: the
	// authority of the cluster's Kubernetes API. It is kept as it came, for it holds
	// a secret.
	CustomCA json.RawMessage `json:"custom_ca,omitempty"`

	PlatformSettings
}

// PlatformSettings concern a cluster's machines and their network
// (reference/pks-cli.md §16). They are kept as they came, for they hold secrets.
// On update an absent member keeps its value, and an empty object or text takes it
// away.
type PlatformSettings struct {
	// HTTPProxy and HTTPSProxy are objects with url, username and password.
	HTTPProxy  json.RawMessage `json:"http_proxy,omitempty"`
	HTTPSProxy json.RawMessage `json:"https_proxy,omitempty"`
	// NoProxy joins with commas what is reached without a proxy.
	NoProxy *string `json:"no_proxy,omitempty"`
	// GlobalNoProxyMerge adds the plan's entries to NoProxy.
	GlobalNoProxyMerge *bool `json:"global_no_proxy_merge,omitempty"`
	// InstanceGroups are objects with the name of an instance group and its
	// vm_extension: cloud properties of the cluster's own.
	InstanceGroups json.RawMessage `json:"instance_groups,omitempty"`
}

// UpdateClusterParameters is the flat body of PATCH /v1/clusters/{name}. Absent
// members keep their value.
type UpdateClusterParameters struct {
	KubernetesWorkerInstances *int `json:"kubernetes_worker_instances,omitempty"`

	KubernetesSettings

	// ClusterTags replaces the whole set; DeleteAllTags empties it.
	ClusterTags   []ClusterTag `json:"cluster_tags,omitempty"`
	DeleteAllTags bool         `json:"delete_all_tags,omitempty"`
	// CustomCACerts adds registries, or replaces the CA of one already known.
	CustomCACerts      []CustomCACert    `json:"custom_ca_certs,omitempty"`
	InsecureRegistries []string          `json:"insecure_registries,omitempty"`
	Customization      *K8sCustomization `json:"k8s_customization_parameters,omitempty"`

	NetworkProfileName    string `json:"network_profile_name,omitempty"`
	ComputeProfileName    string `json:"compute_profile_name,omitempty"`
	KubernetesProfileName string `json:"kubernetes_profile_name,omitempty"`
	// NodePoolInstances are numbers of workers by node pool of the compute profile.
	NodePoolInstances map[string]int `json:"node_pool_instances,omitempty"`
	// EnforceComputeProfileUpdate lets availability zones differ from those of the
	// compute profile that the cluster has.
	EnforceComputeProfileUpdate bool `json:"enforce_compute_profile_update,omitempty"`

	// DeletionLock keeps the cluster from being deleted until it is lifted.
	DeletionLock *bool `json:"deletion_lock,omitempty"`

	PlatformSettings
}

// Plan is one entry of GET /v1/plans. The hyphens are the original's.
type Plan struct {
	ID                        string `json:"id"`
	Name                      string `json:"name"`
	Description               string `json:"description"`
	WorkerInstances           int    `json:"worker_instances"`
	MasterInstances           int    `json:"master_instances"`
	AllowPrivilegedContainers bool   `json:"allow-privileged-containers"`
}

// Kubeconfig is the answer of the binds paths. It is kept as it came so that no
// member of a credential is lost on the way.
type Kubeconfig = json.RawMessage

// Event is one line of GET /v1/clusters/{name}/events: a step of the cluster's
// operation or of its BOSH task. Seq counts up per cluster; ask for what comes
// after the last one seen.
type Event struct {
	Seq         int64  `json:"seq"`
	Time        string `json:"time"` // RFC 3339
	OperationID string `json:"operation_id"`
	BOSHTask    int    `json:"bosh_task,omitempty"`
	Stage       string `json:"stage,omitempty"`
	Subject     string `json:"subject,omitempty"`
	State       string `json:"state,omitempty"`
	Percent     int    `json:"percent"`
	Message     string `json:"message"`
}

// ErrorResponse is the body of every failure of the application itself.
type ErrorResponse struct {
	Body string `json:"body"`
	// Code and RequestID are additions of this product; old clients ignore them.
	Code        string `json:"code,omitempty"`
	Remedy      string `json:"remedy,omitempty"`
	OperationID string `json:"operation_id,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
}

// Info is the answer of GET /actuator/info, which needs no token: what a client
// must know before it can log in.
type Info struct {
	Build BuildInfo `json:"build"`
	UAA   UAAInfo   `json:"uaa"`
}

// BuildInfo is the version of the API server.
type BuildInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// UAAInfo says where tokens come from.
type UAAInfo struct {
	URL string `json:"url"`
}

// Health is the answer of GET /actuator/health: UP or DOWN.
type Health struct {
	Status string `json:"status"`
}

// ServiceInstance is one entry of GET /service_instances, the list that an
// on-demand broker asks its platform for (reference/on-demand-broker.md §2).
type ServiceInstance struct {
	ServiceInstanceID string `json:"service_instance_id"`
	PlanID            string `json:"plan_id"`
	SpaceGUID         string `json:"space_guid,omitempty"`
}
