package cfcr

import "github.com/pks-community/pks-release/src/local/director/catalog"

// Kubo is the name of the release with the components of Kubernetes.
const Kubo = "kubo"

// KubernetesVersion is that of the published kubo release (reference/cluster-manifest.md §2).
const KubernetesVersion = "1.17.9"

// Versions of the last published set.
const (
	kuboVersion   = "0.44.0"
	etcdVersion   = "1.12.4"
	dockerVersion = "35.3.4"
	bpmVersion    = "1.1.8"
)

// Releases are the four that every cluster is made of. Instead of the published kubo release there is
// one for each Kubernetes version that is given, which has the same jobs and the version of Kubernetes
// for its own, as kubo releases had it after 0.44.
func Releases(kubernetes ...string) []catalog.Release {
	if len(kubernetes) == 0 {
		kubernetes = []string{kuboVersion}
	}
	var releases []catalog.Release
	for _, version := range kubernetes {
		releases = append(releases, catalog.Release{Name: Kubo, Version: version, Jobs: kubo()})
	}
	return append(releases, []catalog.Release{
		{Name: "cfcr-etcd", Version: etcdVersion, Jobs: etcd()},
		{Name: "docker", Version: dockerVersion, Jobs: docker()},
		{Name: "bpm", Version: bpmVersion, Jobs: []catalog.Job{{Name: "bpm"}}},
	}...)
}

// Optional are the releases that a plan may ask for: log forwarding and kernel
// settings (reference/bosh-release.md §12).
func Optional() []catalog.Release {
	return []catalog.Release{
		{Name: "syslog", Version: "11.7.9", Jobs: []catalog.Job{{
			Name: "syslog_forwarder",
			Properties: []string{
				"syslog.address", "syslog.port", "syslog.transport", "syslog.tls_enabled", "syslog.permitted_peer",
				"syslog.ca_cert", "syslog.custom_rule", "syslog.fallback_servers", "syslog.forward_files",
			},
			Processes: []string{"blackbox"},
		}}},
		{Name: "os-conf", Version: "22.1.2", Jobs: []catalog.Job{{Name: "sysctl", Properties: []string{"sysctl"}}}},
	}
}

// NSX are the releases that give pods addresses in NSX-T. What their jobs declare
// is not published: these are the sections of NCP's configuration file, which is
// also what the service adapter sets (reference/cluster-manifest.md §14).
func NSX() []catalog.Release {
	agent := []string{"nsx_node_agent", "coe"}
	return []catalog.Release{{Name: "nsx-cf-cni", Version: "3.0.1", Jobs: []catalog.Job{
		{Name: "ncp", Properties: []string{
			"nsx_v3", "coe", "ha", "k8s", "tls.kubernetes.ca",
			"nsx_api.client_certificate", "nsx_api.client_private_key", "nsx_api.ca", "nsx_api.insecure",
		}, Processes: []string{"ncp"}},
		{Name: "ovsdb-server", Processes: []string{"ovsdb-server"}},
		{Name: "ovs-vswitchd", Processes: []string{"ovs-vswitchd"}},
		{Name: "nsx-node-agent", Properties: agent, Processes: []string{"nsx-node-agent"}},
		{Name: "nsx-kube-proxy", Properties: agent, Processes: []string{"nsx-kube-proxy"}},
	}}}
}

// Stemcell is one of the line that the releases were made for.
func Stemcell() catalog.Stemcell { return Stemcells()[0] }

// Stemcells are Stemcell and the one that followed it, oldest first.
func Stemcells() []catalog.Stemcell {
	const name, system = "bosh-warden-boshlite-ubuntu-xenial-go_agent", "ubuntu-xenial"
	return []catalog.Stemcell{{Name: name, OS: system, Version: "621.76"}, {Name: name, OS: system, Version: "621.77"}}
}
