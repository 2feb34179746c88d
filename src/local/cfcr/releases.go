package cfcr

import "github.com/pks-community/pks-release/src/local/director/catalog"

// Versions of the last published set.
const (
	kuboVersion   = "0.44.0"
	etcdVersion   = "1.12.4"
	dockerVersion = "35.3.4"
	bpmVersion    = "1.1.8"
)

// Releases are the four that every cluster is made of.
func Releases() []catalog.Release {
	return []catalog.Release{
		{Name: "kubo", Version: kuboVersion, Jobs: kubo()},
		{Name: "cfcr-etcd", Version: etcdVersion, Jobs: etcd()},
		{Name: "docker", Version: dockerVersion, Jobs: docker()},
		{Name: "bpm", Version: bpmVersion, Jobs: []catalog.Job{{Name: "bpm"}}},
	}
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

// Stemcell is the last of the line that the releases were made for.
func Stemcell() catalog.Stemcell {
	return catalog.Stemcell{Name: "bosh-warden-boshlite-ubuntu-xenial-go_agent", OS: "ubuntu-xenial", Version: "621.76"}
}
