package adapter

// etcdSettings is the plan's "etcd" object: where metrics are served, both or
// none.
type etcdSettings struct {
	MetricsProtocol string `json:"metrics_protocol"`
	MetricsPort     int    `json:"metrics_port"`
}

func (e etcdSettings) check() error {
	if (e.MetricsProtocol == "") != (e.MetricsPort == 0) {
		return refuse("plan.properties.etcd has only one of metrics_protocol and metrics_port.").WithRemedy("Give both or neither.")
	}
	if e.MetricsProtocol != "" && e.MetricsProtocol != "http" && e.MetricsProtocol != "https" {
		return refuse("plan.properties.etcd.metrics_protocol is %q.", e.MetricsProtocol).WithRemedy("Choose http or https.")
	}
	if e.MetricsPort < 0 || e.MetricsPort > 65535 || e.MetricsPort == 2379 || e.MetricsPort == 2380 {
		return refuse("plan.properties.etcd.metrics_port is %d.", e.MetricsPort).WithRemedy("Choose a TCP port other than 2379 and 2380, which etcd uses itself.")
	}
	return nil
}

// etcdProperties is reference/cluster-manifest.md §5.6.
type etcdProperties struct {
	Etcd  etcdNaming `yaml:"etcd"`
	TLS   etcdTLS    `yaml:"tls"`
	Users []etcdUser `yaml:"users"`
}

type etcdNaming struct {
	DNSSuffix       string `yaml:"dns_suffix"`
	MetricsProtocol string `yaml:"metrics_protocol,omitempty"`
	MetricsPort     int    `yaml:"metrics_port,omitempty"`
}

type etcdTLS struct {
	Etcd        keyPair `yaml:"etcd"`
	Peer        keyPair `yaml:"peer"`
	Etcdctl     keyPair `yaml:"etcdctl"`
	EtcdctlRoot keyPair `yaml:"etcdctl-root"` // declares no ca
}

type etcdUser struct {
	Name        string          `yaml:"name"`
	Password    string          `yaml:"password"`
	Versions    []string        `yaml:"versions"`
	Permissions *etcdPermission `yaml:"permissions,omitempty"`
}

type etcdPermission struct {
	Read  []string `yaml:"read"`
	Write []string `yaml:"write"`
}

func (c *cluster) etcd(jobs *jobList) {
	server := c.pairOf(certEtcd, caEtcd)
	server.CA = c.trusted(caEtcd, ref(c.authority(caEtcd)+".certificate"))
	users := []etcdUser{{Name: "root", Password: ref(passwordEtcdRoot), Versions: []string{"v2"}}}
	if c.network.cni == cniFlannel {
		keys := []string{"/coreos.com/network/*"}
		users = append(users, etcdUser{
			Name: certFlannel, Password: ref(passwordEtcdFlanneld), Versions: []string{"v2"},
			Permissions: &etcdPermission{Read: keys, Write: keys},
		})
	}
	jobs.add("etcd", etcdProperties{
		Etcd:  etcdNaming{DNSSuffix: etcdSuffix, MetricsProtocol: c.plan.Etcd.MetricsProtocol, MetricsPort: c.plan.Etcd.MetricsPort},
		TLS:   etcdTLS{Etcd: server, Peer: c.pairOf(certEtcd, caEtcd), Etcdctl: c.pairOf(certEtcdctl, caEtcd), EtcdctlRoot: pairWithoutCA(certRoot)},
		Users: users,
	})
}
