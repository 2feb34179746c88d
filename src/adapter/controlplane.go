package adapter

const (
	jobManager   = "kube-controller-manager"
	jobScheduler = "kube-scheduler"
	jobRoles     = "kubernetes-roles"
)

// managerProperties is reference/cluster-manifest.md §5.3.
type managerProperties struct {
	APIToken          string     `yaml:"api-token"`
	ServiceAccountKey string     `yaml:"service-account-private-key"`
	ClusterSigning    keyPair    `yaml:"cluster-signing"`
	TLS               managerTLS `yaml:"tls"`
	HTTPProxy         string     `yaml:"http_proxy,omitempty"`
	HTTPSProxy        string     `yaml:"https_proxy,omitempty"`
	NoProxy           string     `yaml:"no_proxy,omitempty"`
	Arguments         arguments  `yaml:"k8s-args"`
}

type managerTLS struct {
	Kubernetes authority `yaml:"kubernetes"`
	Manager    keyPair   `yaml:"kube-controller-manager"`
}

func (c *cluster) controllerManager(jobs *jobList) {
	const files = "/var/vcap/jobs/kube-controller-manager/config/"
	p := managerProperties{
		APIToken:          ref(passwordManager),
		ServiceAccountKey: ref(keyServiceAccount + ".private_key"),
		ClusterSigning:    pairWithoutCA(c.authority(caKubo)),
		TLS:               managerTLS{Kubernetes: c.masterAuthority(), Manager: pairWithoutCA(certManager)},
		Arguments: arguments{
			"kubeconfig":                       files + "kubeconfig",
			"root-ca-file":                     files + "ca.pem",
			"cluster-signing-cert-file":        files + "cluster-signing-ca.pem",
			"cluster-signing-key-file":         files + "cluster-signing-key.pem",
			"service-account-private-key-file": files + "service-account-private-key.pem",
			"tls-cert-file":                    files + "kube-controller-manager-cert.pem",
			"tls-private-key-file":             files + "kube-controller-manager-private-key.pem",
			"use-service-account-credentials":  true,
			"terminated-pod-gc-threshold":      100,
			"v":                                2,
		},
	}
	if proxy, ok := c.proxyFor(jobManager); ok {
		p.HTTPProxy, p.HTTPSProxy, p.NoProxy = proxy.http, proxy.https, proxy.noProxy
	}
	c.customize(jobManager, p.Arguments)
	c.consumeCloudProvider(jobs.add(jobManager, p), masterGroup)
}

// schedulerProperties is reference/cluster-manifest.md §5.4.
type schedulerProperties struct {
	APIToken      string                 `yaml:"api-token"`
	TLS           trust                  `yaml:"tls"`
	Configuration schedulerConfiguration `yaml:"kube-scheduler-configuration"`
	Arguments     arguments              `yaml:"k8s-args,omitempty"`
}

// trust is the "tls" property of jobs that only talk to the API server.
type trust struct {
	Kubernetes authority `yaml:"kubernetes"`
}

type schedulerConfiguration struct {
	APIVersion        string           `yaml:"apiVersion"`
	Kind              string           `yaml:"kind"`
	ClientConnection  clientConnection `yaml:"clientConnection"`
	DisablePreemption *bool            `yaml:"disablePreemption,omitempty"`
}

type clientConnection struct {
	Kubeconfig string `yaml:"kubeconfig"`
}

func (c *cluster) scheduler(jobs *jobList) {
	configuration := schedulerConfiguration{
		APIVersion:       schedulerVersion(c.kubernetes),
		Kind:             "KubeSchedulerConfiguration",
		ClientConnection: clientConnection{"/var/vcap/jobs/kube-scheduler/config/kubeconfig"},
	}
	if configuration.APIVersion == oldestScheduler {
		configuration.DisablePreemption = new(false)
	}
	p := schedulerProperties{
		APIToken: ref(passwordScheduler), TLS: trust{c.masterAuthority()},
		Configuration: configuration, Arguments: arguments{},
	}
	c.customize(jobScheduler, p.Arguments)
	jobs.add(jobScheduler, p)
}

// rolesProperties is reference/cluster-manifest.md §5.5.
type rolesProperties struct {
	AdminUsername string      `yaml:"admin-username"`
	AdminPassword string      `yaml:"admin-password"`
	TLS           trust       `yaml:"tls"`
	Specs         []namedSpec `yaml:"post-start-custom-specs,omitempty"`
}

func (c *cluster) roles(jobs *jobList) {
	c.consumeCloudProvider(jobs.add(jobRoles, rolesProperties{
		AdminUsername: adminUser, AdminPassword: ref(passwordAdmin),
		TLS: trust{c.masterAuthority()}, Specs: c.plan.Roles,
	}), masterGroup)
}
