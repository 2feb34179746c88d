package adapter_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
)

// valueType is what a job's template does with a property.
type valueType string

const (
	text      valueType = "text"
	number    valueType = "number"
	boolean   valueType = "boolean"
	texts     valueType = "list of texts"
	objects   valueType = "list of objects"
	structure valueType = "structure"   // text would become a string in the file that the template writes
	pair      valueType = "certificate" // an object of ca, certificate and private_key
)

// propertyTypes are those of reference/cluster-manifest.md §5 and, for the add-ons,
// of the releases' own specs: job → type → properties.
func propertyTypes() map[string]map[valueType]string {
	return map[string]map[valueType]string{
		"kube-apiserver": {
			text: `admin-username admin-password kubelet-password kubelet-drain-password kube-proxy-password kube-controller-manager-password
				kube-scheduler-password service-account-public-key tls.kubernetes.ca tls.kubernetes.certificate tls.kubernetes.private_key oidc.ca
				http_proxy https_proxy no_proxy`,
			pair: "tls.kubelet-client", structure: "audit-policy encryption-config k8s-args",
		},
		"kube-controller-manager": {
			text: "api-token service-account-private-key http_proxy https_proxy no_proxy",
			pair: "cluster-signing tls.kubernetes tls.kube-controller-manager", structure: "k8s-args",
		},
		"kube-scheduler":   {text: "api-token", pair: "tls.kubernetes", structure: "kube-scheduler-configuration k8s-args"},
		"kubernetes-roles": {text: "admin-username admin-password", pair: "tls.kubernetes", objects: "post-start-custom-specs"},
		"flanneld":         {text: "pod-network-cidr backend-type tls.etcdctl.ca tls.etcdctl.certificate tls.etcdctl.private_key", number: "vni port"},
		"kubelet": {
			text: `api-token drain-api-token tls.kubelet.ca tls.kubelet.certificate tls.kubelet.private_key tls.kubelet-client-ca.certificate cloud-provider
				kubectl-drain-timeout kubelet-drain-grace-period http_proxy https_proxy no_proxy`,
			boolean: "kubelet-drain-force kubelet-drain-ignore-daemonsets kubelet-drain-delete-local-data kubelet-drain-force-node",
			pair:    "tls.kubernetes", structure: "kubelet-configuration k8s-args",
		},
		"kube-proxy":              {text: "api-token cloud-provider", pair: "tls.kubernetes", structure: "k8s-args kube-proxy-configuration"},
		"kubernetes-dependencies": {boolean: "nfs"},
		"apply-specs": {
			text: `tls.metrics-server.ca tls.metrics-server.certificate tls.metrics-server.private_key kubedns-service-ip addons-spec
				admin-username admin-password api-token`,
			texts: "addons", number: "timeout-sec", pair: "tls.kubernetes",
		},
		"cloud-provider": {
			text: `cloud-provider.type cloud-provider.gce.service_key cloud-provider.aws.access_key_id cloud-provider.aws.secret_access_key
				cloud-provider.openstack.ca-file`,
			structure: "cloud-config",
		},
		"etcd": {
			text: `etcd.dns_suffix etcd.metrics_protocol tls.etcd.ca tls.etcd.certificate tls.etcd.private_key tls.peer.ca tls.peer.certificate
				tls.peer.private_key tls.etcdctl.ca tls.etcdctl.certificate tls.etcdctl.private_key tls.etcdctl-root.certificate tls.etcdctl-root.private_key`,
			number: "etcd.metrics_port", objects: "users",
		},
		"bbr-etcd": {boolean: "bbr.backup_one_restore_all"},
		"docker": {
			text: "bridge log_level storage_driver store_dir tcp_address", number: "ulimit.nofile",
			boolean: "flannel ip_masq iptables live_restore shared_mounts_enable",
			texts:   "log_options default_ulimits insecure_registries registry_mirrors dns_servers",
			objects: "registry_ca_cert", structure: "env",
		},
		"syslog_forwarder": {
			text: "syslog.address syslog.transport syslog.permitted_peer syslog.ca_cert syslog.custom_rule", number: "syslog.port",
			boolean: "syslog.tls_enabled syslog.forward_files", objects: "syslog.fallback_servers",
		},
		"sysctl": {texts: "sysctl"},
		"ncp": {
			text: "tls.kubernetes.ca nsx_api.client_certificate nsx_api.client_private_key nsx_api.ca", boolean: "nsx_api.insecure",
			structure: "nsx_v3 coe ha k8s",
		},
		"nsx-node-agent": {structure: "nsx_node_agent coe"},
		"nsx-kube-proxy": {structure: "nsx_node_agent coe"},
	}
}

// TestEveryPropertyHasAType holds the two tables, of names and of types, together.
func TestEveryPropertyHasAType(t *testing.T) {
	t.Parallel()
	declared, typed := map[string][]string{}, map[string][]string{}
	for _, r := range allReleases() {
		for _, j := range r.Jobs {
			if len(j.Properties) > 0 {
				declared[j.Name] = slices.Sorted(slices.Values(j.Properties))
			}
		}
	}
	for job, types := range propertyTypes() {
		for _, names := range types {
			typed[job] = append(typed[job], strings.Fields(names)...)
		}
		slices.Sort(typed[job])
	}
	if diff := cmp.Diff(declared, typed); diff != "" {
		t.Errorf("(-declared +typed):\n%s", diff)
	}
}

func TestEveryPropertyIsOfItsType(t *testing.T) {
	t.Parallel()
	for name, c := range golden() {
		for _, fault := range mistyped(parse(t, c.run(t).Manifest)) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

func TestMistypedPropertyIsFound(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(map[string]any){
		"audit-policy is not a structure":   func(p map[string]any) { p["audit-policy"] = "kind: Policy" },
		"admin-password is not a text":      func(p map[string]any) { p["admin-password"] = 1 },
		"tls.kubelet-client is not a certi": func(p map[string]any) { p["tls"] = map[any]any{"kubelet-client": map[any]any{"cert": "x"}} },
	} {
		m := parse(t, smallest().run(t).Manifest)
		change(m.InstanceGroups[1].Jobs[2].Properties)
		if faults := mistyped(m); len(faults) != 1 || !strings.Contains(faults[0], want) {
			t.Errorf("%s: %v", want, faults)
		}
	}
}

func mistyped(m bosh.BoshManifest) []string {
	var jobs []bosh.Job
	for _, a := range m.Addons {
		jobs = append(jobs, a.Jobs...)
	}
	for _, g := range m.InstanceGroups {
		jobs = append(jobs, g.Jobs...)
	}
	types := propertyTypes()
	var faults []string
	for _, j := range jobs {
		for _, want := range slices.Sorted(maps.Keys(types[j.Name])) {
			for name := range strings.FieldsSeq(types[j.Name][want]) {
				if v, ok := property(j, name); ok && !want.holds(v) {
					faults = append(faults, fmt.Sprintf("%s: %s is not a %s: %v", j.Name, name, want, v))
				}
			}
		}
	}
	return faults
}

// property finds a value by its dotted path.
func property(j bosh.Job, path string) (any, bool) {
	var at any = j.Properties
	for key := range strings.SplitSeq(path, ".") {
		var ok bool
		switch m := at.(type) {
		case map[string]any:
			at, ok = m[key]
		case map[any]any:
			at, ok = m[key]
		}
		if !ok {
			return nil, false
		}
	}
	return at, true
}

func (want valueType) holds(v any) bool {
	members, isObject := v.(map[any]any)
	list, isList := v.([]any)
	switch want {
	case text:
		_, ok := v.(string)
		return ok
	case number:
		_, ok := v.(int)
		return ok
	case boolean:
		_, ok := v.(bool)
		return ok
	case structure:
		return isObject
	case pair:
		for name, value := range members {
			_, isText := value.(string)
			if !isText || !slices.Contains([]any{"ca", "certificate", "private_key"}, name) {
				return false
			}
		}
		return len(members) > 0
	default:
		for _, element := range list {
			_, isText := element.(string)
			if isText != (want == texts) {
				return false
			}
		}
		return isList
	}
}
