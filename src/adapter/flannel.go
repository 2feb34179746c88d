package adapter

import "github.com/pivotal-cf/on-demand-services-sdk/bosh"

// flanneldProperties is reference/cluster-manifest.md §5.7. Every flanneld
// writes the network's configuration to etcd, so all groups must be given the
// same.
type flanneldProperties struct {
	PodNetworkCIDR string     `yaml:"pod-network-cidr"`
	BackendType    string     `yaml:"backend-type"`
	TLS            flannelTLS `yaml:"tls"`
}

type flannelTLS struct {
	Etcdctl keyPair `yaml:"etcdctl"`
}

func (c *cluster) flanneld(jobs *jobList) {
	if c.network.cni != cniFlannel {
		return
	}
	job := jobs.add("flanneld", flanneldProperties{
		PodNetworkCIDR: c.network.pods.String(),
		BackendType:    c.network.backend,
		TLS:            flannelTLS{Etcdctl: c.pairOf(certFlanneld, caEtcd)},
	})
	if jobs.group == masterGroup {
		job.Provides = map[string]bosh.ProvidesLink{"flanneld": {As: "master-flanneld"}}
	}
}
