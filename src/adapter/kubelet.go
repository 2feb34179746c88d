package adapter

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

const jobKubelet = "kubelet"

// kubeletReserves is the plan's "kubelet" object: what is kept from pods, and
// when pods are evicted (reference/pks-product.md §6.2).
type kubeletReserves struct {
	SystemReserved map[string]string `json:"system_reserved"`
	EvictionHard   map[string]string `json:"eviction_hard"`
}

var quantity = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(%|m|[kMGTPE]i?|Ki)?$`)

func (k kubeletReserves) check() error {
	for _, set := range []struct {
		field   string
		values  map[string]string
		allowed []string
	}{
		{"plan.properties.kubelet.system_reserved", k.SystemReserved, []string{"cpu", "memory", "ephemeral-storage"}},
		{"plan.properties.kubelet.eviction_hard", k.EvictionHard, []string{
			"memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree", "pid.available",
		}},
	} {
		for _, name := range slices.Sorted(maps.Keys(set.values)) {
			if !slices.Contains(set.allowed, name) {
				return refuse("%s: %q is not a signal.", set.field, name).WithRemedy("Use one of: %s.", list(set.allowed))
			}
			if !quantity.MatchString(set.values[name]) {
				return refuse("%s.%s %q is not a quantity; kubelet would not start.", set.field, name, set.values[name]).
					WithRemedy("Write it like 250Mi, 150m or 10%%.")
			}
		}
	}
	return nil
}

// kubeletProperties is reference/cluster-manifest.md §5.10.
type kubeletProperties struct {
	APIToken      string               `yaml:"api-token"`
	DrainAPIToken string               `yaml:"drain-api-token"`
	Configuration kubeletConfiguration `yaml:"kubelet-configuration"`
	TLS           kubeletTLS           `yaml:"tls"`
	CloudProvider string               `yaml:"cloud-provider,omitempty"`

	DrainTimeout          string `yaml:"kubectl-drain-timeout"`
	DrainGracePeriod      string `yaml:"kubelet-drain-grace-period"`
	DrainForce            bool   `yaml:"kubelet-drain-force"`
	DrainIgnoreDaemonSets bool   `yaml:"kubelet-drain-ignore-daemonsets"`
	DrainDeleteLocalData  bool   `yaml:"kubelet-drain-delete-local-data"`
	DrainForceNode        bool   `yaml:"kubelet-drain-force-node"`

	HTTPProxy  string    `yaml:"http_proxy,omitempty"`
	HTTPSProxy string    `yaml:"https_proxy,omitempty"`
	NoProxy    string    `yaml:"no_proxy,omitempty"`
	Arguments  arguments `yaml:"k8s-args"`
}

type kubeletTLS struct {
	Kubelet    keyPair        `yaml:"kubelet"`
	ClientCA   certificateRef `yaml:"kubelet-client-ca"`
	Kubernetes authority      `yaml:"kubernetes"`
}

type certificateRef struct {
	Certificate string `yaml:"certificate"`
}

// kubeletConfiguration is the file that kubelet reads, kubelet.config.k8s.io/v1beta1.
type kubeletConfiguration struct {
	APIVersion          string                `yaml:"apiVersion"`
	Kind                string                `yaml:"kind"`
	Authentication      kubeletAuthentication `yaml:"authentication"`
	Authorization       kubeletAuthorization  `yaml:"authorization"`
	ClusterDNS          []string              `yaml:"clusterDNS"`
	ClusterDomain       string                `yaml:"clusterDomain"`
	FailSwapOn          bool                  `yaml:"failSwapOn"`
	SerializeImagePulls bool                  `yaml:"serializeImagePulls"`
	SystemReserved      map[string]string     `yaml:"systemReserved,omitempty"`
	EvictionHard        map[string]string     `yaml:"evictionHard,omitempty"`
	TLSCertFile         string                `yaml:"tlsCertFile"`
	TLSPrivateKeyFile   string                `yaml:"tlsPrivateKeyFile"`
}

type kubeletAuthentication struct {
	Anonymous struct {
		Enabled bool `yaml:"enabled"`
	} `yaml:"anonymous"`
	X509 struct {
		ClientCAFile string `yaml:"clientCAFile"`
	} `yaml:"x509"`
}

type kubeletAuthorization struct {
	Mode string `yaml:"mode"`
}

func (c *cluster) kubelet(jobs *jobList, p pool) {
	const files = "/var/vcap/jobs/kubelet/config/"
	const docker = "unix:///var/vcap/sys/run/docker/docker.sock"
	configuration := kubeletConfiguration{
		APIVersion:        "kubelet.config.k8s.io/v1beta1",
		Kind:              "KubeletConfiguration",
		Authorization:     kubeletAuthorization{Mode: "Webhook"},
		ClusterDNS:        []string{c.network.dns.String()},
		ClusterDomain:     clusterDomain,
		FailSwapOn:        c.plan.Swap != nil && !*c.plan.Swap,
		SystemReserved:    c.plan.Kubelet.SystemReserved,
		EvictionHard:      c.plan.Kubelet.EvictionHard,
		TLSCertFile:       files + "kubelet.pem",
		TLSPrivateKeyFile: files + "kubelet-key.pem",
	}
	configuration.Authentication.X509.ClientCAFile = files + "kubelet-client-ca.pem"

	drain := c.drain()
	props := kubeletProperties{
		APIToken:      ref(passwordKubelet),
		DrainAPIToken: ref(passwordKubeletDrain),
		Configuration: configuration,
		TLS: kubeletTLS{
			Kubelet:    keyPair{CA: c.trusted(caKubo, ref(certKubelet+".ca")), Certificate: chainOf(certKubelet), PrivateKey: ref(certKubelet + ".private_key")},
			ClientCA:   certificateRef{c.trusted(caKubo, ref(certToNodes+".ca"))},
			Kubernetes: c.masterAuthority(),
		},
		CloudProvider: c.plan.IaaS.jobType(),

		DrainTimeout:          drain.timeout,
		DrainGracePeriod:      drain.gracePeriod,
		DrainForce:            drain.force,
		DrainIgnoreDaemonSets: drain.ignoreDaemonSets,
		DrainDeleteLocalData:  drain.deleteLocalData,
		DrainForceNode:        drain.forceNode,

		Arguments: arguments{
			"container-runtime": "docker",
			"docker":            docker,
			"docker-endpoint":   docker,
			"network-plugin":    "cni",
			"cni-bin-dir":       "/var/vcap/jobs/kubelet/packages/cni/bin",
			"kubeconfig":        files + "kubeconfig",
			"root-dir":          "/var/vcap/data/kubelet",
			"node-labels":       joinNonEmpty(c.nodeLabels(), p.labels),
		}.supported(jobKubelet, c.kubernetes),
	}
	if p.taints != "" {
		props.Arguments["register-with-taints"] = p.taints
	}
	if proxy, ok := c.proxyFor(jobKubelet); ok {
		props.HTTPProxy, props.HTTPSProxy, props.NoProxy = proxy.http, proxy.https, proxy.noProxy
	}
	c.customize(jobKubelet, props.Arguments)
	c.consumeCloudProvider(jobs.add(jobKubelet, props), workerGroup)
}

// nodeLabels tell which cluster a node belongs to (reference/pks-api.md §18).
func (c *cluster) nodeLabels() string {
	return "pks-system/cluster.name=" + c.spec.ClusterName + ",pks-system/cluster.uuid=" + c.deployment
}

func joinNonEmpty(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ",")
}
