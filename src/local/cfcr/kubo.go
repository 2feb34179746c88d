package cfcr

import "github.com/pks-community/pks-release/src/local/director/catalog"

// The links of the kubo release (reference/cluster-manifest.md §6.1).
func linkEtcd() catalog.Link { return catalog.Link{Name: "etcd", Type: "etcd"} }
func linkAPIServer() catalog.Link {
	return catalog.Link{Name: "kube-apiserver", Type: "kube-apiserver"}
}
func linkCloudProvider() catalog.Link {
	return catalog.Link{Name: "cloud-provider", Type: "cloud-provider", Optional: true}
}

func proxyProperties() []string { return []string{"http_proxy", "https_proxy", "no_proxy"} }

func kubo() []catalog.Job {
	return []catalog.Job{
		apiServer(), controllerManager(), scheduler(), roles(), flanneld(), kubelet(), kubeProxy(),
		{Name: "kubernetes-dependencies", Properties: []string{"nfs"}},
		applySpecs(), cloudProvider(),
		{Name: "smoke-tests", Consumes: []catalog.Link{linkAPIServer()}, Errand: true},
		{Name: "kubo-dns-aliases", Consumes: []catalog.Link{linkEtcd(), linkAPIServer()}},
		{Name: "bbr-kube-apiserver"},
		{Name: "cifs-utils"},
	}
}

func apiServer() catalog.Job {
	return catalog.Job{
		Name: "kube-apiserver",
		Properties: append([]string{
			"admin-username", "admin-password", "kubelet-password", "kubelet-drain-password", "kube-proxy-password",
			"kube-controller-manager-password", "kube-scheduler-password", "service-account-public-key",
			"tls.kubernetes.ca", "tls.kubernetes.certificate", "tls.kubernetes.private_key", "tls.kubelet-client",
			"audit-policy", "encryption-config", "oidc.ca", "k8s-args",
		}, proxyProperties()...),
		Provides: []catalog.Link{{
			Name: "kube-apiserver", Type: "kube-apiserver",
			Properties: []string{"admin-username", "admin-password", "tls.kubernetes.ca", "k8s-args"},
		}},
		Consumes:  []catalog.Link{linkEtcd(), linkAPIServer(), linkCloudProvider()},
		Processes: []string{"kube-apiserver"},
	}
}

func controllerManager() catalog.Job {
	return catalog.Job{
		Name: "kube-controller-manager",
		Properties: append([]string{
			"api-token", "service-account-private-key", "cluster-signing", "tls.kubernetes", "tls.kube-controller-manager", "k8s-args",
		}, proxyProperties()...),
		Consumes:  []catalog.Link{linkCloudProvider()},
		Processes: []string{"kube-controller-manager"},
	}
}

func scheduler() catalog.Job {
	return catalog.Job{
		Name:       "kube-scheduler",
		Properties: []string{"api-token", "tls.kubernetes", "kube-scheduler-configuration", "k8s-args"},
		Processes:  []string{"kube-scheduler"},
	}
}

func roles() catalog.Job {
	return catalog.Job{
		Name:       "kubernetes-roles",
		Properties: []string{"admin-username", "admin-password", "tls.kubernetes", "post-start-custom-specs"},
		Consumes:   []catalog.Link{linkAPIServer(), linkCloudProvider()},
	}
}

func flanneld() catalog.Job {
	return catalog.Job{
		Name: "flanneld",
		Properties: []string{
			"pod-network-cidr", "backend-type", "vni", "port",
			"tls.etcdctl.ca", "tls.etcdctl.certificate", "tls.etcdctl.private_key",
		},
		Provides:  []catalog.Link{{Name: "flanneld", Type: "flanneld", Properties: []string{"pod-network-cidr"}}},
		Consumes:  []catalog.Link{linkEtcd()},
		Processes: []string{"flanneld"},
	}
}

func kubelet() catalog.Job {
	return catalog.Job{
		Name: "kubelet",
		Properties: append([]string{
			"api-token", "drain-api-token", "kubelet-configuration",
			"tls.kubelet.ca", "tls.kubelet.certificate", "tls.kubelet.private_key",
			"tls.kubelet-client-ca.certificate", "tls.kubernetes", "cloud-provider",
			"kubectl-drain-timeout", "kubelet-drain-grace-period", "kubelet-drain-force", "kubelet-drain-ignore-daemonsets",
			"kubelet-drain-delete-local-data", "kubelet-drain-force-node", "k8s-args",
		}, proxyProperties()...),
		Provides:  []catalog.Link{{Name: "kubernetes-workers", Type: "kubernetes-workers"}},
		Consumes:  []catalog.Link{linkCloudProvider()},
		Processes: []string{"kubelet"},
	}
}

func kubeProxy() catalog.Job {
	return catalog.Job{
		Name:       "kube-proxy",
		Properties: []string{"api-token", "tls.kubernetes", "cloud-provider", "k8s-args", "kube-proxy-configuration"},
		Processes:  []string{"kube-proxy"},
	}
}

func applySpecs() catalog.Job {
	return catalog.Job{
		Name: "apply-specs",
		Properties: []string{
			"addons", "tls.metrics-server.ca", "tls.metrics-server.certificate", "tls.metrics-server.private_key",
			"kubedns-service-ip", "addons-spec", "timeout-sec", "admin-username", "admin-password", "api-token", "tls.kubernetes",
		},
		Consumes: []catalog.Link{linkAPIServer(), linkCloudProvider()},
		Errand:   true,
	}
}

func cloudProvider() catalog.Job {
	return catalog.Job{
		Name: "cloud-provider",
		Properties: []string{
			"cloud-provider.type", "cloud-provider.gce.service_key", "cloud-provider.aws.access_key_id",
			"cloud-provider.aws.secret_access_key", "cloud-provider.openstack.ca-file", "cloud-config",
		},
		Provides: []catalog.Link{{
			Name: "cloud-provider", Type: "cloud-provider",
			Properties: []string{
				"cloud-config", "cloud-provider.type", "cloud-provider.gce.service_key", "cloud-provider.aws.access_key_id",
				"cloud-provider.aws.secret_access_key", "cloud-provider.openstack.ca-file",
			},
		}},
	}
}
