package adapter

const jobKubeProxy = "kube-proxy"

// kubeProxyProperties is reference/cluster-manifest.md §5.11.
type kubeProxyProperties struct {
	APIToken      string                 `yaml:"api-token"`
	TLS           trust                  `yaml:"tls"`
	CloudProvider string                 `yaml:"cloud-provider,omitempty"`
	Configuration kubeProxyConfiguration `yaml:"kube-proxy-configuration"`
	Arguments     arguments              `yaml:"k8s-args,omitempty"`
}

// kubeProxyConfiguration is kubeproxy.config.k8s.io/v1alpha1. The job's template
// adds hostnameOverride.
type kubeProxyConfiguration struct {
	APIVersion       string           `yaml:"apiVersion"`
	Kind             string           `yaml:"kind"`
	ClientConnection clientConnection `yaml:"clientConnection"`
	ClusterCIDR      string           `yaml:"clusterCIDR"`
	Mode             string           `yaml:"mode"`
	PortRange        string           `yaml:"portRange"`
	IPTables         kubeProxyTables  `yaml:"iptables"`
}

type kubeProxyTables struct {
	MasqueradeAll bool   `yaml:"masqueradeAll"`
	MasqueradeBit int    `yaml:"masqueradeBit"`
	MinSyncPeriod string `yaml:"minSyncPeriod"`
	SyncPeriod    string `yaml:"syncPeriod"`
}

// kubeProxy makes services reachable; with NSX-T its own job does that.
func (c *cluster) kubeProxy(jobs *jobList) {
	if c.network.cni == cniNSXT {
		return
	}
	p := kubeProxyProperties{
		APIToken:      ref(passwordKubeProxy),
		TLS:           trust{c.masterAuthority()},
		CloudProvider: c.plan.IaaS.jobType(),
		Configuration: kubeProxyConfiguration{
			APIVersion:       "kubeproxy.config.k8s.io/v1alpha1",
			Kind:             "KubeProxyConfiguration",
			ClientConnection: clientConnection{"/var/vcap/jobs/kube-proxy/config/kubeconfig"},
			ClusterCIDR:      c.network.pods.String(),
			Mode:             "iptables",
			IPTables:         kubeProxyTables{MasqueradeBit: 14, MinSyncPeriod: "0s", SyncPeriod: "30s"},
		},
		Arguments: arguments{},
	}
	c.customize(jobKubeProxy, p.Arguments)
	jobs.add(jobKubeProxy, p)
}
