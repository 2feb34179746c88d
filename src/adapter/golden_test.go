package adapter_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

var update = flag.Bool("update", false, "write the golden manifests anew")

// golden is the representative set: each name is a file in testdata.
func golden() map[string]call {
	extension := func(name string) object { return object{"master_vm_extension": name, "worker_vm_extension": name} }
	withIaaS := func(kind string, settings object) call {
		return smallest().with(object{"cloud_provider": object{"type": kind, kind: settings}}, nil)
	}
	return map[string]call{
		"smallest": smallest(),
		"ha-three-azs": smallest().threeAZs().with(object{
			"max_worker_instances": 50, "allow_privileged_containers": true, "backup": true,
			"workers": object{"max_in_flight": 4, "canaries": 2},
			"drain":   object{"timeout_minutes": 15, "grace_period_seconds": -1, "force_node": true},
			"kubelet": object{"system_reserved": object{"memory": "250Mi", "cpu": "150m"}, "eviction_hard": object{"memory.available": "100Mi", "nodefs.available": "10%"}},
			"add_ons": "apiVersion: v1\nkind: Namespace\nmetadata: {name: tools}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: more}\n",
		}, nil).group("worker", func(g *serviceadapter.InstanceGroup) {
			g.PersistentDiskType = "50GB"
			g.VMExtensions = serviceadapter.VMExtensions{"big-network"}
		}),
		"node-pools": smallest().threeAZs().with(nil, object{
			"compute_profile": object{"name": "mixed", "parameters": object{"cluster_customization": object{
				"control_plane": object{"cpu": 2, "memory_in_mb": 4096, "ephemeral_disk_in_mb": 16384, "persistent_disk_in_mb": 20480, "instances": 3},
				"node_pools": []object{
					{"name": "tiny-1", "instances": 5, "cpu": 2, "memory_in_mb": 4096, "ephemeral_disk_in_mb": 16384, "node_labels": "k1=v1", "node_taints": "k3=v3:PreferNoSchedule"},
					{"name": "medium-2", "instances": 1, "max_worker_instances": 5, "az_names": []string{"z2", "z3"}},
				},
			}}},
			"node_pool_instances":     object{"tiny-1": 4},
			"vm_extension_properties": object{"worker-tiny-1": object{"vmx_options": object{"disk.enableUUID": "1"}, "cpus": 4}},
		}),
		"vsphere": withIaaS("vsphere", object{
			"server": "vcenter.example.com", "user": "pks@vsphere.local", "password": "((/opsmgr/pks/vcenter_master_creds.password))",
			"datacenter": "dc1", "datastore": "ds1", "folder": "pks_vms", "insecure": true,
		}),
		"aws": withIaaS("aws", extension("iam_instance_profile")),
		"gcp": withIaaS("gcp", overlay(extension("service_account"), object{"project_id": "my-project", "network": "my-net", "subnetwork": "my-subnet", "director_name": "bosh-1"})),
		"azure": withIaaS("azure", overlay(extension("managed_identity"), object{
			"tenant_id": "t", "subscription_id": "s", "location": "centralus", "resource_group": "rg", "vnet": "vn",
			"subnet": "sn", "security_group": "sg", "primary_availability_set": "as",
		})).with(object{"smb": true}, nil),
		"openstack": withIaaS("openstack", object{
			"auth_url": "https://keystone.example.com:5000/v3", "domain": "default", "tenant_id": "t", "region": "r1",
			"username": "pks", "password": "((/openstack_password))", "ca_cert": certificatePEM(),
		}),
		"proxy": smallest().with(object{
			"network": object{"node_cidrs": []string{"10.0.0.0/24"}},
		}, object{"proxy": object{
			"http_proxy": object{"url": "http://proxy.example.com:8080", "username": "me", "password": "p@ss w%rd"},
			"no_proxy":   []string{"registry.example.com"},
		}, "unset_http_proxy": []string{"kube-apiserver"}}),
		"oidc": smallest().with(object{
			"oidc": object{"issuer_url": "https://uaa.example.com:8443/oauth/token", "client_id": "pks_cluster_client", "ca_cert": customCertificate},
		}, nil),
		"custom-ca": smallest().with(nil, object{"custom_ca": customCA()}),
		"nsx-t": smallest().with(object{"network": object{"cni": "nsx-t", "nsx_t": object{
			"managers": []string{"nsx.example.com"}, "ca_cert": certificatePEM(), "t0_router_id": "t0", "pod_ip_block_ids": []string{"b1"},
			"fip_pool_ids": []string{"f1"}, "client_cert": "((/nsx/identity.certificate))", "client_key": "((/nsx/identity.private_key))",
		}}}, object{"network_profile": object{"name": "large", "parameters": object{
			"lb_size": "large", "pod_ip_block_ids": []string{"b1", "b2"}, "nodes_dns": []string{"8.8.8.8"},
			"cni_configurations": object{"type": "nsxt", "parameters": object{
				"x_forwarded_for": "insert", "max_l4_lb_service": 10, "log_settings": object{"log_level": "DEBUG"},
				"extensions": object{"ncp": object{"nsx_v3": object{"retries": "10"}}, "nsx-node-agent": object{"connect_retry_timeout": 60}},
			}},
		}}}),
		"kubernetes-profile": smallest().with(object{"admission_plugins": []string{"PodSecurityPolicy"}}, object{"kubernetes_profile": object{"name": "p3", "parameters": object{
			"customizations": []object{
				{"component": "kube-apiserver", "arguments": object{"service-node-port-range": "30000-40000", "enable-admission-plugins": "ResourceQuota"},
					"file-arguments": object{"encryption-provider-config": "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - aescbc:\n      keys:\n      - {name: key1, secret: c2VjcmV0IGlzIHNlY3VyZQ==}\n  - identity: {}\n"}},
			},
			"experimental_customizations": []object{
				{"component": "kubelet", "arguments": object{"maximum-dead-containers": "1000", "feature-gates": "APIListChunking=true"}},
				{"component": "kube-apiserver", "arguments": object{"service-node-port-range": "1-2"}},
			},
		}}}),
		"newer-kubernetes": withReleases(smallest().with(object{"binding": object{"token_lifetime": "8h"}}, nil), kubo("1.34.2")),
		"tags": smallest().with(object{"tags": object{"team": "platform", "env": "prod"}}, object{
			"cluster_tags": []object{{"name": "env", "value": "test"}, {"name": "cost centre", "value": "42"}},
		}),
		"networking": smallest().with(object{
			"network":                    object{"cni": "none", "pod_cidr": "172.16.0.0/16", "service_cidr": "172.17.0.0/20", "dns_service_ip": "172.17.0.53"},
			"syslog":                     object{"address": "logs.example.com", "tls": true, "permitted_peer": "*.example.com", "ca_cert": certificatePEM()},
			"docker":                     object{"registry_mirrors": []string{"https://mirror.example.com"}, "shared_mounts": true},
			"certificates":               object{"duration_days": 1461, "ca_name": "/p-bosh/kubernetes_ca"},
			"etcd":                       object{"metrics_protocol": "http", "metrics_port": 2378},
			"anonymous_auth":             false,
			"swap":                       false,
			"nfs":                        true,
			"post_start_specs":           []object{{"name": "quota", "value": "apiVersion: v1\nkind: Namespace\nmetadata: {name: q}\n"}},
			"inotify_max_user_watches":   1048576,
			"add_ons_timeout_seconds":    1800,
			"disabled_admission_plugins": []string{"DefaultStorageClass"},
			"audit_policy":               object{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": []object{{"level": "Metadata"}}},
		}, object{
			"insecure_registries": []string{"registry.local:5000", "mirror", "http://mirror.local:5000/v2,https://other.local"},
			"custom_ca_certs":     []object{{"domain_name": "registry.example.com", "ca_cert": customCertificate}},
			"vm_extensions":       object{"worker": []string{"cpu-hot-add"}},
		}),
	}
}

func TestGoldenManifests(t *testing.T) {
	t.Parallel()
	for name, c := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := c.run(t)
			compareGolden(t, name+".yml", got.Manifest)
			if cloud, ok := got.Configs["cloud"]; ok {
				compareGolden(t, name+".cloud-config.yml", cloud)
			}
		})
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
