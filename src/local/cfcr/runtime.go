package cfcr

import "github.com/pks-community/pks-release/src/local/director/catalog"

// etcd are the jobs of the cfcr-etcd release (reference/cluster-manifest.md §5.6).
func etcd() []catalog.Job {
	return []catalog.Job{
		{
			Name: "etcd",
			Properties: []string{
				"etcd.dns_suffix", "etcd.metrics_protocol", "etcd.metrics_port",
				"tls.etcd.ca", "tls.etcd.certificate", "tls.etcd.private_key",
				"tls.peer.ca", "tls.peer.certificate", "tls.peer.private_key",
				"tls.etcdctl.ca", "tls.etcdctl.certificate", "tls.etcdctl.private_key",
				"tls.etcdctl-root.certificate", "tls.etcdctl-root.private_key", "users",
			},
			Provides: []catalog.Link{{
				Name: "etcd", Type: "etcd",
				Properties: []string{"etcd.dns_suffix", "tls.etcdctl.ca", "tls.etcdctl.certificate", "tls.etcdctl.private_key"},
			}},
			Consumes:  []catalog.Link{linkEtcd()},
			Processes: []string{"etcd"},
		},
		{Name: "bbr-etcd", Properties: []string{"bbr.backup_one_restore_all"}, Consumes: []catalog.Link{linkEtcd()}},
	}
}

// docker is the job of the docker release (reference/cluster-manifest.md §5.8).
func docker() []catalog.Job {
	return []catalog.Job{{
		Name: "docker",
		Properties: []string{
			"flannel", "bridge", "ip_masq", "iptables", "live_restore", "log_level", "log_options", "storage_driver", "store_dir",
			"default_ulimits", "env", "insecure_registries", "registry_mirrors", "registry_ca_cert", "dns_servers",
			"shared_mounts_enable", "tcp_address", "ulimit.nofile",
		},
		Provides:  []catalog.Link{{Name: "docker", Type: "docker-tcp"}},
		Processes: []string{"docker"},
	}}
}
