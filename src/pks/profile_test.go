package pks_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/pks"
)

// wrong is a profile's parameters and what is wrong with them.
type wrong struct{ parameters, want string }

func checkProfiles(t *testing.T, kind pks.ProfileKind, good []string, bad []wrong) {
	t.Helper()
	for _, parameters := range good {
		if err := pks.ValidateProfile(profile(kind, parameters)); err != nil {
			t.Errorf("%s: %v", parameters, err)
		}
	}
	for _, b := range bad {
		err := pks.ValidateProfile(profile(kind, b.parameters))
		if err == nil {
			t.Errorf("%s is accepted", b.parameters)
			continue
		}
		f := pks.AsFailure(err)
		if f.Code != pks.CodeInvalidRequest || f.User != b.want || f.Remedy == "" {
			t.Errorf("%s:\n got %s %q (%s)\nwant %q", b.parameters, f.Code, f.User, f.Remedy, b.want)
		}
	}
}

func profile(kind pks.ProfileKind, parameters string) pks.NamedProfile {
	return pks.NamedProfile{Kind: kind, Name: "p", Parameters: json.RawMessage(parameters)}
}

func TestNamesThatNoPathCouldHoldAreRefused(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "cp--5f0c--small nodes", "größe/東京", strings.Repeat("ü", 200), "$1'\"?"} {
		if err := pks.ValidateProfileName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	wantInvalid(t, "name is missing.", pks.ValidateProfileName(""))
	wantInvalid(t, "name has 201 characters; at most 200 are allowed.", pks.ValidateProfileName(strings.Repeat("ü", 201)))
	for _, bad := range []string{".", "..", " a", "a ", "a\nb", "a\x00", "\u2028", "a\u200b"} {
		if err := pks.ValidateProfileName(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	wantInvalid(t, "name holds a text in double parentheses.", pks.ValidateProfileName("((secret))"))
	long := profile(pks.NetworkProfiles, `{"lb_size":"small"}`)
	long.Description = strings.Repeat("x", 4001)
	wantInvalid(t, "description has 4001 characters; at most 4000 are allowed.", pks.ValidateProfile(long))
}

func TestNetworkProfileFieldsAreCheckedByPath(t *testing.T) {
	t.Parallel()
	cni := func(p string) string { return `{"cni_configurations":{"type":"nsxt","parameters":{` + p + `}}}` }
	checkProfiles(t, pks.NetworkProfiles, []string{
		`{"lb_size":"large","pod_ip_block_ids":["a","b"],"pod_subnet_prefix":27,"pod_routable":true,"fip_pool_ids":["c"],
		  "t0_router_id":"d","master_vms_nsgroup_id":"e","node_ip_block_ids":["f"],"node_routable":true,"node_subnet_prefix":20,
		  "nodes_dns":["8.8.8.8","192.168.115.1","fd00::1"],"dns_lookup_mode":"API_INGRESS","ingress_prefix":"ingress",
		  "single_tier_topology":true,"infrastructure_networks":["30.0.0.0/24","192.168.115.1"],"failover_mode":"PREEMPTIVE"}`,
		cni(`"nsx_lb":false,"x_forwarded_for":"insert","ingress_ip":"192.168.160.212",
		  "log_settings":{"log_level":"DEBUG","log_firewall_traffic":"ALL"},
		  "ingress_persistence_settings":{"persistence_type":"cookie","persistence_timeout":1},
		  "max_l4_lb_service":10,"l4_persistence_type":"source_ip","l4_lb_algorithm":"weighted_round_robin",
		  "top_firewall_section_marker":"ID","bottom_firewall_section_marker":"ID",
		  "lb_http_request_header_size":60,"lb_http_response_header_size":45,"lb_http_response_timeout":30,"connect_retry_timeout":30,
		  "enable_hostport":true,"enable_nodelocaldns":true,"client_ssl_profile":"ID",
		  "lb_connection_multiplexing_enabled":true,"lb_connection_multiplexing_number":80,
		  "extensions":{"ncp":{"nsx_v3":{"retries":"10"},"coe":{"profiling":"False"},"ha":{"heartbeat_period":6},"k8s":{"lb_ip_allocation":"relaxed"}},"nsx-node-agent":{"connect_retry_timeout":60}}`),
		`{"lb_size":null,"pod_cidr":"10.200.0.0/16","service_cidr":"10.100.200.0/24"}`,
	}, []wrong{
		{`{}`, "parameters is empty."},
		{`{"lb_size":"huge"}`, `parameters.lb_size is "huge".`},
		{`{"failover":"x"}`, "parameters: Unexpected field 'failover'."},
		{`{"nodes_dns":["8.8.8.8","dns"]}`, "parameters.nodes_dns[1] is not an IP address."},
		{`{"pod_ip_block_ids":["a","a"]}`, `parameters.pod_ip_block_ids[1] is "a", which is there twice.`},
		{`{"pod_ip_block_ids":[" "]}`, "parameters.pod_ip_block_ids[0] is empty."},
		{`{"fip_pool_ids":[]}`, "parameters.fip_pool_ids is empty."},
		{`{"pod_cidr":"10.0.0.1/16"}`, "parameters.pod_cidr does not begin at the range's first address, 10.0.0.0/16."},
		{`{"service_cidr":"10.0.0.0/30"}`, "parameters.service_cidr has fewer than 16 addresses."},
		{`{"service_cidr":"fd00::/64"}`, "parameters.service_cidr is not an IPv4 range."},
		{`{"pod_cidr":"10.0.0.0/8","service_cidr":"10.1.0.0/16"}`, "parameters.pod_cidr and parameters.service_cidr overlap."},
		{`{"pod_cidr":"10.0.0.0/8","lb_size":"small"}`, "parameters.pod_cidr and parameters.lb_size contradict each other: with NSX-T, pods get their addresses from IP blocks."},
		{`{"dns_lookup_mode":"API_INGRESS"}`, "parameters.ingress_prefix is missing: dns_lookup_mode API_INGRESS looks up PREFIX.HOSTNAME."},
		{`{"ingress_prefix":"a.b"}`, "parameters.ingress_prefix is not a DNS label."},
		{`{"infrastructure_networks":["30.0.0.0/33"]}`, "parameters.infrastructure_networks[0] is not an IP address."},
		{`{"t0_router_id":"((admin_password))"}`, "parameters.t0_router_id holds a text in double parentheses."},
		{`{"cni_configurations":{"type":"antrea"}}`, `parameters.cni_configurations.type is "antrea".`},
		{`{"cni_configurations":{}}`, "parameters.cni_configurations.type is missing."},
		{cni(`"nsx_lb2":1`), "parameters.cni_configurations.parameters: Unexpected field 'nsx_lb2'."},
		{cni(`"x_forwarded_for":"maybe"`), `parameters.cni_configurations.parameters.x_forwarded_for is "maybe".`},
		{cni(`"ingress_persistence_settings":{"persistence_type":"cookie"}`), "parameters.cni_configurations.parameters.ingress_persistence_settings.persistence_timeout is missing."},
		{cni(`"extensions":{"nsx":{}}`), "parameters.cni_configurations.parameters.extensions: Unexpected field 'nsx'."},
		{cni(`"extensions":{"ncp":{"coe":{"a":["((x))"]}}}`), "parameters.cni_configurations.parameters.extensions.ncp.coe.a[0] holds a text in double parentheses."},
	})
	for parameters, want := range map[string]string{
		`[]`:                         "parameters is an array; it must be an object.",
		`{"lb_size":7}`:              "parameters.lb_size is a number; it must be a string.",
		`{"pod_routable":"yes"}`:     "parameters.pod_routable is a string; it must be true or false.",
		`{"pod_subnet_prefix":31}`:   "parameters.pod_subnet_prefix is 31; it must be from 8 to 30.",
		`{"pod_subnet_prefix":"24"}`: "parameters.pod_subnet_prefix is a string; it must be a whole number.",
		`{"pod_subnet_prefix":24.5}`: "parameters.pod_subnet_prefix is 24.5; it must be a whole number.",
		`{"nodes_dns":["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]}`: "parameters.nodes_dns has 4 entries; at most 3 are allowed.",
		`{"nodes_dns":"1.1.1.1"}`:                                 "parameters.nodes_dns is a string; it must be an array.",
		cni(`"max_l4_lb_service":0`):                              "parameters.cni_configurations.parameters.max_l4_lb_service is 0; it must be at least 1.",
		cni(`"extensions":{"ncp":{"k8s":[]}}`):                    "parameters.cni_configurations.parameters.extensions.ncp.k8s is an array; it must be an object.",
	} {
		wantInvalid(t, want, pks.ValidateProfile(profile(pks.NetworkProfiles, parameters)))
	}
}

const az = `{"name":"z1","cpi":"c","cloud_properties":{"datacenters":[{"name":"dc","clusters":[{"cl1":{"resource_pool":"rp"}}]}]}}`

func pools(entries string) string {
	return `{"cluster_customization":{"node_pools":[` + entries + `]}}`
}

func TestComputeProfileFieldsAreCheckedByPath(t *testing.T) {
	t.Parallel()
	const pool = "parameters.cluster_customization.node_pools"
	checkProfiles(t, pks.ComputeProfiles, []string{
		`{"cluster_customization":{"control_plane":{"cpu":2,"memory_in_mb":4096,"ephemeral_disk_in_mb":16384,"instances":3},
		  "node_pools":[
		  {"name":"tiny-1","instances":5,"cpu":2,"memory_in_mb":4096,"ephemeral_disk_in_mb":16384,"node_labels":"k1=v1","node_taints":"k3=v3:PreferNoSchedule"},
		  {"name":"medium-2","instances":1,"max_worker_instances":5,"cpu":4,"memory_in_mb":4096,"ephemeral_disk_in_mb":32768}]}}`,
		`{"azs":[` + az + `]}`,
		`{"azs":[{"name":"z1","cpi":"c","cloud_properties":{"zone":"x"},"drs_rules":null,"host_group":null}]}`,
		pools(`{"name":"a","instances":1,"persistent_disk_in_mb":100,"az_names":["z1","z2"],"node_taints":""}`),
	}, []wrong{
		{`{}`, "parameters has neither azs nor cluster_customization."},
		{`{"worker_azs":["a"]}`, "parameters.worker_azs is of the kind of profile that there was before product version 1.9."},
		{`{"azs":[{"name":"z1","cpi":"c"}]}`, "parameters.azs[0].cloud_properties is missing."},
		{`{"azs":[{"name":"z1","cpi":"c","cloud_properties":{}}]}`, "parameters.azs[0].cloud_properties is empty."},
		{`{"azs":[` + az + `,` + az + `]}`, `parameters.azs[1].name is "z1", which is there twice.`},
		{`{"azs":[{"name":"z1","cpi":"c","cloud_properties":{"datacenters":[]}}]}`, "parameters.azs[0].cloud_properties.datacenters must hold one datacenter with a name."},
		{`{"azs":[{"name":"z1","cpi":"c","cloud_properties":{"datacenters":[{"name":"d","clusters":[{"a":{},"b":{}}]}]}}]}`, "parameters.azs[0].cloud_properties.datacenters[0].clusters must hold one cluster."},
		{`{"cluster_customization":{"control_plane":{"name":"x"}}}`, "parameters.cluster_customization.control_plane: Unexpected field 'name'."},
		{`{"cluster_customization":{"control_plane":{"cpu":2}}}`, "parameters.cluster_customization.control_plane has some of cpu, memory_in_mb and ephemeral_disk_in_mb, but not all."},
		{pools(`{"name":"A","instances":1}`), pool + `[0].name "A" cannot be the name of a node pool.`},
		{pools(`{"name":"a"}`), pool + "[0].instances is missing."},
		{pools(`{"name":"a","instances":1},{"name":"a","instances":1}`), pool + `[1].name is "a", which is there twice.`},
		{pools(`{"name":"a","instances":1,"cpu":1,"memory_in_mb":1}`), pool + "[0] has some of cpu, memory_in_mb and ephemeral_disk_in_mb, but not all."},
		{pools(`{"name":"a","instances":1,"node_labels":"a=b, c=d"}`), pool + `[0].node_labels has the entry " c=d".`},
		{pools(`{"name":"a","instances":1,"node_taints":"a=b:Never"}`), pool + `[0].node_taints has the entry "a=b:Never".`},
		{pools(`{"name":"a","instances":1,"node_taints":"a=b:NoSchedule"}`), pool + ": every node pool has a taint that keeps cluster DNS away."},
		{pools(`{"name":"a","instances":1,"az_names":["z","z"]}`), pool + `[0].az_names[1] is "z", which is there twice.`},
		{pools(``), pool + " is empty."},
	})
	for parameters, want := range map[string]string{
		`{"cluster_customization":{"control_plane":{"instances":2}}}`: "parameters.cluster_customization.control_plane.instances is 2; etcd needs 1, 3 or 5.",
		pools(`{"name":"a","instances":0}`):                           pool + "[0].instances is 0; it must be at least 1.",
		pools(`{"name":"a","instances":3,"max_worker_instances":2}`):  pool + "[0].instances is 3, above its max_worker_instances, which is 2.",
	} {
		wantInvalid(t, want, pks.ValidateProfile(profile(pks.ComputeProfiles, parameters)))
	}
}

func arguments(component, arguments string) string {
	return `{"customizations":[{"component":"` + component + `","arguments":{` + arguments + `}}]}`
}

func file(name, content string) string {
	text, _ := json.Marshal(content)
	return `{"customizations":[{"component":"kube-apiserver","file-arguments":{"` + name + `":` + string(text) + `}}]}`
}

const encrypted = `
kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: [secrets]
  providers:
  - aescbc:
      keys:
      - name: key1
        secret: c2VjcmV0IGlzIHNlY3VyZSwgaXMgaXQ/Cg==
  - identity: {}
`

func TestKubernetesProfileFieldsAreCheckedByPath(t *testing.T) {
	t.Parallel()
	key32 := strings.Replace(encrypted, "c2VjcmV0IGlzIHNlY3VyZSwgaXMgaXQ/Cg==", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 1)
	const at = "customizations[0].arguments."
	checkProfiles(t, pks.KubernetesProfiles, []string{
		arguments("kube-apiserver", `"service-node-port-range":"30000-40000","enable-admission-plugins":"ResourceQuota,PodNodeSelector","requestheader-allowed-names":"a,b",
		  "oidc-issuer-url":"https://idp.example.com/x","oidc-client-id":"c","oidc-username-claim":"u","oidc-groups-claim":"g","service-cluster-ip-range":"10.100.0.0/16,fd00::/108"`),
		`{"experimental_customizations":[{"component":"kubelet","arguments":{"maximum-dead-containers":"1000","feature-gates":"APIListChunking=true"}}]}`,
		file("encryption-provider-config", key32),
		file("oidc-ca-file", selfSigned(t)),
		file("audit-policy-file", "kind: Policy\nrules: [{level: Metadata}]\n"),
	}, []wrong{
		{`{}`, "customizations is missing."},
		{`{"customizations":[]}`, "customizations is missing."},
		{arguments("etcd", `"a":"b"`), `customizations[0].component is "etcd".`},
		{`{"customizations":[{"component":"kubelet"}]}`, "customizations[0] has neither arguments nor file-arguments."},
		{`{"customizations":[{"arguments":{"a":"b"}}]}`, "customizations[0].component is missing."},
		{`{"customizations":[{"component":"kubelet","args":{}}]}`, "customizations[0]: Unexpected field 'args'."},
		{arguments("kube-apiserver", `"--v":"2"`), at + "--v is not the name of a flag."},
		{arguments("kube-apiserver", `"etcd-servers":"x"`), at + "etcd-servers belongs to the product."},
		{`{"experimental_customizations":[{"component":"kubelet","arguments":{"config":"x"}}]}`, "experimental_customizations[0].arguments.config belongs to the product."},
		{arguments("kube-apiserver", `"oidc-client-id":"a\"b"`), at + "oidc-client-id holds a quote, backslash or line break, which would break the process's configuration."},
		{arguments("kube-apiserver", `"max-requests-inflight":"7"`), at + "max-requests-inflight is not among the arguments that can be checked."},
		{arguments("kubelet", `"service-node-port-range":"1-2"`), at + "service-node-port-range is not among the arguments that can be checked."},
		{arguments("kube-apiserver", `"service-node-port-range":"40000-30000"`), at + "service-node-port-range has an invalid value for service-node-port-range."},
		{arguments("kube-apiserver", `"service-node-port-range":"30000"`), at + "service-node-port-range has an invalid value for service-node-port-range."},
		{arguments("kube-apiserver", `"enable-admission-plugins":"resourcequota"`), at + `enable-admission-plugins has "resourcequota", which is not the name of an admission plugin.`},
		{arguments("kube-apiserver", `"oidc-issuer-url":"http://idp"`), at + "oidc-issuer-url is not a URL of the form https://HOST/PATH."},
		{arguments("kube-apiserver", `"oidc-client-id":""`), at + "oidc-client-id is empty."},
		{arguments("kube-apiserver", `"service-cluster-ip-range":"10.0.0.0/16,10.1.0.0/16"`), at + "service-cluster-ip-range has two ranges of one family."},
		{arguments("kube-apiserver", `"service-cluster-ip-range":"10.0.0.1/16"`), at + `service-cluster-ip-range has "10.0.0.1/16", which is not a range such as 10.100.200.0/24.`},
		{file("encryption-provider-config", "{"), "customizations[0].file-arguments.encryption-provider-config is not an EncryptionConfiguration in YAML."},
		{file("encryption-provider-config", "kind: Policy"), "customizations[0].file-arguments.encryption-provider-config is not an EncryptionConfiguration: it needs kind: EncryptionConfiguration and resources."},
		{file("encryption-provider-config", strings.Replace(encrypted, "aescbc", "kms", 1)), `customizations[0].file-arguments.encryption-provider-config has resources[0].providers[0], which is "kms"; it can be aescbc, aesgcm, secretbox or identity.`},
		{file("encryption-provider-config", encrypted), "customizations[0].file-arguments.encryption-provider-config has resources[0].providers[0], which has a key without a name, or whose secret is not base64 of the right length."},
		{file("oidc-ca-file", "words"), "customizations[0].file-arguments.oidc-ca-file holds no PEM certificate."},
		{file("audit-policy-file", "kind: Policy"), "customizations[0].file-arguments.audit-policy-file is not an audit policy: it needs kind: Policy and rules."},
		{file("admission-control-config-file", "x"), "customizations[0].file-arguments.admission-control-config-file cannot be given."},
	})
	wantInvalid(t, "customizations[0].arguments.oidc-client-id is a number; it must be a string.",
		pks.ValidateProfile(profile(pks.KubernetesProfiles, arguments("kube-apiserver", `"oidc-client-id":7`))))
	wantInvalid(t, "customizations is an object; it must be an array.", pks.ValidateProfile(profile(pks.KubernetesProfiles, `{"customizations":{}}`)))
}

// What is wrong with a file is said without what is in it.
func TestFaultsOfFilesHoldNoKey(t *testing.T) {
	t.Parallel()
	err := pks.ValidateProfile(profile(pks.KubernetesProfiles, file("encryption-provider-config", encrypted)))
	if text := pks.AsFailure(err).Message() + err.Error(); strings.Contains(text, "c2Vj") {
		t.Errorf("the key is in %q", text)
	}
}
