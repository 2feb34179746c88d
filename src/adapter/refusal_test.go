package adapter_test

import (
	"strings"
	"testing"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/pks"
)

// TestRefusals: each bad input is refused with a text that names the field and
// with a remedy.
func TestRefusals(t *testing.T) {
	t.Parallel()
	plan := func(properties object) call { return smallest().with(properties, nil) }
	spec := func(parameters object) call { return smallest().with(nil, parameters) }
	compute := func(customization object) call {
		return spec(object{"compute_profile": object{"name": "p", "parameters": object{"cluster_customization": customization}}})
	}
	pool := func(members object) call {
		return compute(object{"node_pools": []object{overlay(object{"name": "a", "instances": 1}, members)}})
	}
	kubernetes := func(part object) call {
		return spec(object{"kubernetes_profile": object{"name": "p", "parameters": object{"customizations": []object{part}}}})
	}
	net := func(members object) call {
		return spec(object{"network_profile": object{"name": "p", "parameters": members}})
	}
	master := func(change func(*serviceadapter.InstanceGroup)) call { return smallest().group("master", change) }
	releases := func(change func([]catalog.Release) []catalog.Release) call {
		c := smallest()
		c.releases = change(allReleases())
		return c
	}
	without := func(name string) func([]catalog.Release) []catalog.Release {
		return func(all []catalog.Release) []catalog.Release {
			var out []catalog.Release
			for _, r := range all {
				if r.Name != name {
					out = append(out, r)
				}
			}
			return out
		}
	}
	versioned := func(name, version string) call {
		return releases(func(all []catalog.Release) []catalog.Release {
			for i := range all {
				if all[i].Name == name {
					all[i].Version = version
				}
			}
			return all
		})
	}
	windows := smallest()
	windows.stemcellOS = "windows2019"
	noStemcell := smallest()
	noStemcell.stemcellOS = ""
	longName := smallest()
	longName.deployment = strings.Repeat("x", 64)
	noParameters := smallest()
	noParameters.parameters = nil
	parallel, serial := smallest(), false
	parallel.update = &serviceadapter.Update{Canaries: 1, CanaryWatchTime: "1-2", UpdateWatchTime: "1-2", MaxInFlight: 1, Serial: &serial}
	noTimes := smallest()
	noTimes.update = &serviceadapter.Update{Canaries: 1, MaxInFlight: 1}
	stranger := smallest()
	stranger.groups = append(stranger.groups, serviceadapter.InstanceGroup{Name: "mistress", AZs: []string{"z1"}})
	twice := smallest()
	twice.groups = append(twice.groups, twice.groups[0])
	noWorkers := smallest()
	noWorkers.groups = noWorkers.groups[:1]
	errand := smallest()
	errand.errands.PreDelete = []serviceadapter.Errand{{Name: "clean-up"}}
	nsx := object{"cni": "nsx-t", "nsx_t": object{"managers": []string{"m"}, "insecure": true, "client_cert": "((/a))", "client_key": "((/b))"}}

	for name, tc := range map[string]struct {
		call call
		want string // part of the text
	}{
		// plan
		"unknown property":        {plan(object{"colour": "blue"}), `unknown field "colour"`},
		"unknown nested property": {plan(object{"network": object{"cnii": "x"}}), `unknown field "network.cnii"`},
		"wrong type":              {plan(object{"max_worker_instances": "ten"}), "plan.properties"},
		"even masters":            {master(func(g *serviceadapter.InstanceGroup) { g.Instances = 2 }), "instance_groups.master.instances is 2"},
		"no master disk":          {master(func(g *serviceadapter.InstanceGroup) { g.PersistentDiskType = "" }), "persistent_disk_type is missing"},
		"zone twice":              {master(func(g *serviceadapter.InstanceGroup) { g.AZs = []string{"z1", "z1"} }), `azs names "z1" twice`},
		"no network":              {master(func(g *serviceadapter.InstanceGroup) { g.Networks = nil }), "master.networks is empty"},
		"no zone":                 {master(func(g *serviceadapter.InstanceGroup) { g.AZs = nil }), "master.azs is empty"},
		"no VM type":              {master(func(g *serviceadapter.InstanceGroup) { g.VMType = "" }), "master.vm_type is missing"},
		"no worker":               {smallest().group("worker", func(g *serviceadapter.InstanceGroup) { g.Instances = 0 }), "worker.instances is 0"},
		"errand master":           {master(func(g *serviceadapter.InstanceGroup) { g.Lifecycle = "errand" }), "master.lifecycle"},
		"service errand":          {smallest().group("apply-addons", func(g *serviceadapter.InstanceGroup) { g.Lifecycle = "service" }), "apply-addons.lifecycle"},
		"unknown group":           {stranger, `"mistress"`},
		"group twice":             {twice, `names "master" twice`},
		"no workers":              {noWorkers, `no group "worker"`},
		"default over maximum":    {plan(object{"max_worker_instances": 1}), "more than plan.properties.max_worker_instances"},
		"negative maximum":        {plan(object{"max_worker_instances": -1}), "max_worker_instances is -1"},
		"parallel groups":         {parallel, "plan.update.serial"},
		"no watch times":          {noTimes, "canary_watch_time"},
		"max in flight zero":      {plan(object{"workers": object{"max_in_flight": 0}}), "max_in_flight is 0"},
		"max in flight percent":   {plan(object{"workers": object{"max_in_flight": "200%"}}), `max_in_flight is "200%"`},
		"max in flight list":      {plan(object{"workers": object{"max_in_flight": []int{1}}}), "neither a number nor a text"},
		"canaries":                {plan(object{"workers": object{"canaries": -1}}), "canaries is -1"},
		"add-ons not YAML":        {plan(object{"add_ons": "a: [b"}), "plan.properties.add_ons is not YAML"},
		"post-start spec":         {plan(object{"post_start_specs": []object{{"name": "x"}}}), "post_start_specs"},
		"plugin twice":            {plan(object{"admission_plugins": []string{"A1", "A1"}}), `"A1" twice`},
		"plugin both":             {plan(object{"admission_plugins": []string{"A1"}, "disabled_admission_plugins": []string{"A1"}}), "disabled_admission_plugins"},
		"plugin name":             {plan(object{"admission_plugins": []string{"a,b"}}), "not the name of an admission plugin"},
		"drain timeout":           {plan(object{"drain": object{"timeout_minutes": 1441}}), "timeout_minutes is 1441"},
		"drain grace":             {plan(object{"drain": object{"grace_period_seconds": -2}}), "grace_period_seconds is -2"},
		"force without timeout":   {plan(object{"drain": object{"force_node": true}}), "force_node"},
		"signal":                  {plan(object{"kubelet": object{"eviction_hard": object{"memory": "1Mi"}}}), `"memory" is not a signal`},
		"quantity":                {plan(object{"kubelet": object{"system_reserved": object{"memory": "a lot"}}}), "not a quantity"},
		"cni":                     {plan(object{"network": object{"cni": "calico"}}), `network.cni is "calico"`},
		"backend":                 {plan(object{"network": object{"flannel_backend": "udp"}}), "flannel_backend"},
		"backend without flannel": {plan(object{"network": object{"cni": "none", "flannel_backend": "vxlan"}}), "although cni is none"},
		"pod range":               {plan(object{"network": object{"pod_cidr": "10.0.0.0"}}), "pod_cidr"},
		"host bits":               {plan(object{"network": object{"pod_cidr": "10.0.0.1/16"}}), "first address"},
		"overlap":                 {plan(object{"network": object{"pod_cidr": "10.100.0.0/16"}}), "overlaps"},
		"overlap with nodes":      {plan(object{"network": object{"node_cidrs": []string{"10.200.1.0/24"}}}), "overlaps the machines' range"},
		"services over nodes":     {plan(object{"network": object{"node_cidrs": []string{"10.100.200.0/24"}}}), "overlaps the machines' range"},
		"tiny services":           {plan(object{"network": object{"service_cidr": "10.1.0.0/29"}}), "fewer than 16 addresses"},
		"dns elsewhere":           {plan(object{"network": object{"dns_service_ip": "10.1.2.3"}}), "dns_service_ip"},
		"dns on the API":          {plan(object{"network": object{"dns_service_ip": "10.100.200.1"}}), "dns_service_ip"},
		"nsx incomplete":          {plan(object{"network": nsx}), "t0_router_id"},
		"nsx without identity":    {plan(object{"network": object{"cni": "nsx-t", "nsx_t": object{"managers": []string{"m"}, "insecure": true}}}), "client_cert and client_key are missing"},
		"nsx without managers":    {plan(object{"network": object{"cni": "nsx-t"}}), "managers is empty"},
		"syslog address":          {plan(object{"syslog": object{"port": 1}}), "syslog.address"},
		"syslog transport":        {plan(object{"syslog": object{"address": "a", "transport": "pigeon"}}), "syslog.transport"},
		"syslog peer":             {plan(object{"syslog": object{"address": "a", "tls": true}}), "permitted_peer"},
		"syslog udp tls":          {plan(object{"syslog": object{"address": "a", "tls": true, "transport": "udp"}}), "udp has no TLS"},
		"syslog port":             {plan(object{"syslog": object{"address": "a", "port": 70000}}), "syslog.port"},
		"oidc issuer":             {plan(object{"oidc": object{"issuer_url": "http://x", "client_id": "c"}}), "issuer_url"},
		"oidc client":             {plan(object{"oidc": object{"issuer_url": "https://x"}}), "client_id is missing"},
		"etcd metrics":            {plan(object{"etcd": object{"metrics_port": 1}}), "metrics_protocol"},
		"etcd port":               {plan(object{"etcd": object{"metrics_protocol": "http", "metrics_port": 2379}}), "metrics_port is 2379"},
		"etcd protocol":           {plan(object{"etcd": object{"metrics_protocol": "gopher", "metrics_port": 1}}), `metrics_protocol is "gopher"`},
		"token lifetime":          {plan(object{"binding": object{"token_lifetime": "5m"}}), "token_lifetime"},
		"duration":                {plan(object{"certificates": object{"duration_days": 9999}}), "duration_days"},
		"ca name":                 {plan(object{"certificates": object{"ca_name": "relative"}}), "ca_name"},
		"watches":                 {plan(object{"inotify_max_user_watches": -1}), "inotify_max_user_watches"},
		"add-ons timeout":         {plan(object{"add_ons_timeout_seconds": -1}), "add_ons_timeout_seconds"},
		"plan tag":                {plan(object{"tags": object{"director": "x"}}), "which BOSH sets itself"},
		"provider":                {plan(object{"cloud_provider": object{"type": "moon"}}), "cloud_provider.type"},
		"provider missing":        {plan(object{"cloud_provider": object{"type": "aws"}}), "cloud_provider.aws is missing"},
		"provider contradiction":  {plan(object{"cloud_provider": object{"aws": object{}}}), "although the type is none"},
		"vsphere incomplete":      {plan(object{"cloud_provider": object{"type": "vsphere", "vsphere": object{"server": "v"}}}), "vsphere.user is missing"},
		"aws half a key":          {plan(object{"cloud_provider": object{"type": "aws", "aws": object{"access_key_id": "v"}}}), "secret_access_key"},
		"gcp tag":                 {plan(object{"cloud_provider": object{"type": "gcp", "gcp": object{"project_id": "p", "network": "n"}}}), "node_tag"},
		"azure incomplete":        {plan(object{"cloud_provider": object{"type": "azure", "azure": object{}}}), "tenant_id"},
		"openstack incomplete":    {plan(object{"cloud_provider": object{"type": "openstack", "openstack": object{}}}), "auth_url"},
		"proxy scheme":            {plan(object{"proxy": object{"http_proxy": object{"url": "https://x"}}}), "http:// address"},
		"proxy of nothing":        {plan(object{"proxy": object{}}), "names no proxy"},
		"errand":                  {errand, `no errand "clean-up"`},
		// software
		"wrong stemcell":     {windows, `"windows2019"`},
		"no stemcell":        {noStemcell, "service_deployment.stemcells is empty"},
		"kubo too old":       {versioned("kubo", "0.34.1"), "release kubo is 0.34.1"},
		"version not exact":  {versioned("docker", "35.latest"), "not exact"},
		"version unreadable": {versioned("docker", "a b"), "cannot be read"},
		"release missing":    {releases(without("docker")), "job 'docker' not provided"},
		"syslog not offered": {withReleases(plan(object{"syslog": object{"address": "a"}}), without("syslog")), "job 'syslog_forwarder' not provided"},
		"job in two releases": {releases(func(all []catalog.Release) []catalog.Release {
			return append(all, catalog.Release{Name: "x", Version: "1", Jobs: []catalog.Job{{Name: "etcd"}}})
		}), "provided 2 times"},
		"provider not built in": {withReleases(plan(object{"cloud_provider": object{"type": "aws", "aws": object{}}}), kubo("1.34.2")), "no longer has built in"},
		"plugin gone":           {withReleases(plan(object{"admission_plugins": []string{"PodSecurityPolicy"}}), kubo("1.25.0")), "has PodSecurityPolicy, which Kubernetes 1.25.0 no longer has"},
		"plugin of a profile gone": {withReleases(kubernetes(object{"component": "kube-apiserver", "arguments": object{"enable-admission-plugins": "ResourceQuota,SecurityContextDeny"}}), kubo("1.30.1")),
			"kubernetes_profile: enable-admission-plugins has SecurityContextDeny"},
		"tokens last on old versions": {plan(object{"binding": object{"token_lifetime": "8h"}}), "makes no tokens that end"},
		"long deployment name":        {longName, "deployment_name"},
		// cluster
		"no parameters":            {noParameters, "parameters are missing"},
		"unknown parameter":        {spec(object{"kubernetes_worker_instance": 3}), `unknown field "kubernetes_worker_instance"`},
		"no name":                  {spec(object{"cluster_name": nil}), "name is missing"},
		"no host":                  {spec(object{"kubernetes_master_host": nil}), "kubernetes_master_host is missing"},
		"port":                     {spec(object{"kubernetes_master_port": 70000}), "70000"},
		"workers over maximum":     {smallest().with(object{"max_worker_instances": 5}, object{"kubernetes_worker_instances": 6}), "kubernetes_worker_instances is 6; the plan allows at most 5"},
		"workers negative":         {spec(object{"kubernetes_worker_instances": -1}), "kubernetes_worker_instances is -1"},
		"reference in a name":      {spec(object{"cluster_tags": []object{{"name": "a", "value": "((/other/secret))"}}}), "double parentheses"},
		"reference as a password":  {spec(object{"proxy": object{"http_proxy": object{"url": "http://x", "username": "u", "password": "((/other/secret))"}}}), "double parentheses"},
		"reference as a key":       {spec(object{"vm_extensions": object{"((a))": []string{"e"}}}), "double parentheses"},
		"reference behind escapes": {kubernetes(object{"component": "kube-apiserver", "file-arguments": object{"encryption-provider-config": `secret: "\x28(/other/secret))"`}}), "double parentheses"},
		"reference in a policy":    {kubernetes(object{"component": "kube-apiserver", "file-arguments": object{"audit-policy-file": `kind: "\x28(/other/secret))"`}}), "double parentheses"},
		"reference in an argument": {kubernetes(object{"component": "kubelet", "arguments": object{"a-b": "((x))"}}), "double parentheses"},
		"tag twice":                {spec(object{"cluster_tags": []object{{"name": "a", "value": "1"}, {"name": "a", "value": "2"}}}), "twice"},
		"tag colon":                {spec(object{"cluster_tags": []object{{"name": "a:b", "value": "1"}}}), "colon"},
		"tag nameless":             {spec(object{"cluster_tags": []object{{"name": "", "value": "1"}}}), "[0].name is missing"},
		"unset proxy":              {spec(object{"unset_http_proxy": []string{"docker"}}), "unset_http_proxy"},
		"ca without certificate":   {spec(object{"custom_ca_certs": []object{{"domain_name": "d", "ca_cert": "x"}}}), "custom_ca_certs"},
		"registry":                 {spec(object{"insecure_registries": []string{"a b"}}), "insecure_registries"},
		"proxy credentials in URL": {spec(object{"proxy": object{"http_proxy": object{"url": "http://me:pw@x"}}}), "holds credentials"},
		"proxy password alone":     {spec(object{"proxy": object{"http_proxy": object{"url": "http://x", "password": "p"}}}), "no username"},
		"proxy without url":        {spec(object{"proxy": object{"http_proxy": object{"username": "x"}}}), "no url"},
		"no_proxy entry":           {spec(object{"proxy": object{"http_proxy": object{"url": "http://x"}, "no_proxy": []string{"a,b"}}}), "no_proxy"},
		"extension of nobody":      {spec(object{"vm_extensions": object{"worker-x": []string{"e"}}}), `"worker-x"`},
		"own extension of nobody":  {spec(object{"vm_extension_properties": object{"x": object{}}}), "vm_extension_properties"},
		"own extension no object":  {spec(object{"vm_extension_properties": object{"worker": []int{1}}}), "not an object"},
		"pools without a profile":  {spec(object{"node_pool_instances": object{"a": 1}}), "node_pool_instances"},
		// compute profile
		"half a size":          {pool(object{"cpu": 1}), "but not all"},
		"negative size":        {pool(object{"cpu": -1}), "negative"},
		"negative disk":        {pool(object{"persistent_disk_in_mb": -1}), "negative"},
		"pool name":            {pool(object{"name": "A_b"}), `"A_b"`},
		"pool twice":           {compute(object{"node_pools": []object{{"name": "a", "instances": 1}, {"name": "a", "instances": 1}}}), "twice"},
		"pool too big":         {pool(object{"instances": 6, "max_worker_instances": 5}), "at most 5"},
		"pool empty":           {pool(object{"instances": 0}), "instances is 0"},
		"label":                {pool(object{"node_labels": "a b=c"}), "node_labels"},
		"taint":                {pool(object{"node_taints": "a=b:Sometimes"}), "node_taints"},
		"pool zones":           {pool(object{"az_names": []string{"z1", "z1"}}), "az_names"},
		"all tainted":          {pool(object{"node_taints": "a=b:NoSchedule"}), "cluster DNS"},
		"unknown pool resized": {compute(object{"node_pools": []object{{"name": "a", "instances": 1}}}).with(nil, object{"node_pool_instances": object{"b": 1}}), `"b"`},
		"even control plane":   {compute(object{"control_plane": object{"instances": 2}}), "control_plane.instances is 2"},
		"control plane zones":  {compute(object{"control_plane": object{"az_names": []string{"z1", "z1"}}}), "az_names"},
		"zone without cpi":     {spec(object{"compute_profile": object{"name": "p", "parameters": object{"azs": []object{{"name": "z9"}}}}}), "cpi"},
		// Kubernetes profile
		"component":            {kubernetes(object{"component": "kube-chauffeur", "arguments": object{"a": "b"}}), "kube-chauffeur"},
		"nothing customized":   {kubernetes(object{"component": "kubelet"}), "neither arguments nor file-arguments"},
		"own flag":             {kubernetes(object{"component": "kube-apiserver", "arguments": object{"secure-port": "1"}}), "belongs to the product"},
		"quote":                {kubernetes(object{"component": "kubelet", "arguments": object{"a-b": `"`}}), "quote"},
		"flag name":            {kubernetes(object{"component": "kubelet", "arguments": object{"--a": "b"}}), "not the name of a flag"},
		"file flag":            {kubernetes(object{"component": "kubelet", "file-arguments": object{"config": "x"}}), "no file argument"},
		"file not YAML":        {kubernetes(object{"component": "kube-apiserver", "file-arguments": object{"audit-policy-file": "a: [b"}}), "not a YAML object"},
		"encryption not YAML":  {kubernetes(object{"component": "kube-apiserver", "file-arguments": object{"encryption-provider-config": "- a"}}), "not a YAML object"},
		"oidc file not PEM":    {kubernetes(object{"component": "kube-apiserver", "file-arguments": object{"oidc-ca-file": "x"}}), "no PEM"},
		"service range":        {kubernetes(object{"component": "kube-apiserver", "arguments": object{"service-cluster-ip-range": "x"}}), "service-cluster-ip-range"},
		"unknown in a profile": {spec(object{"kubernetes_profile": object{"name": "p", "parameters": object{"custom": 1}}}), `unknown field "custom"`},
		// network profile
		"nsx settings with flannel": {net(object{"lb_size": "large"}), "the plan's network is flannel"},
		"profile ranges overlap":    {net(object{"pod_cidr": "10.100.200.0/24"}), "overlaps"},
		"too many resolvers":        {net(object{"nodes_dns": []string{"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"}}), "nodes_dns has 4 addresses"},
		"resolver":                  {net(object{"nodes_dns": []string{"dns"}}), "not an IP address"},
		"lookup mode":               {net(object{"dns_lookup_mode": "X"}), "dns_lookup_mode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failure := tc.call.refusal(t)
			if failure.Code != pks.CodeInvalidRequest || failure.Remedy == "" || !strings.Contains(failure.User, tc.want) {
				t.Errorf("got %q with remedy %q, want %q", failure.User, failure.Remedy, tc.want)
			}
		})
	}
}

func withReleases(c call, change func([]catalog.Release) []catalog.Release) call {
	c.releases = change(c.releases)
	return c
}

func kubo(version string) func([]catalog.Release) []catalog.Release {
	return func(all []catalog.Release) []catalog.Release {
		all[0].Version = version
		return all
	}
}

// TestPreviousManifestRules: what would lose data or cannot work on a cluster
// that exists is refused.
func TestPreviousManifestRules(t *testing.T) {
	t.Parallel()
	pools := func(names ...string) object {
		var list []object
		for _, n := range names {
			list = append(list, object{"name": n, "instances": 1})
		}
		return object{"compute_profile": object{"name": "p", "parameters": object{"cluster_customization": object{"node_pools": list}}}}
	}
	diskful := smallest().threeAZs().group("worker", func(g *serviceadapter.InstanceGroup) { g.PersistentDiskType = "50GB" })
	encrypted := golden()["kubernetes-profile"]
	for name, tc := range map[string]struct {
		was, is call
		want    string
	}{
		"fewer masters":       {smallest().threeAZs(), smallest().threeAZs().group("master", func(g *serviceadapter.InstanceGroup) { g.Instances = 1 }), "cannot go down from 3 to 1"},
		"pod range":           {smallest(), smallest().with(object{"network": object{"pod_cidr": "10.201.0.0/16"}}, nil), "pod_cidr"},
		"service range":       {smallest(), smallest().with(object{"network": object{"service_cidr": "10.101.0.0/24"}}, nil), "service_cidr"},
		"cni":                 {smallest(), smallest().with(object{"network": object{"cni": "none"}}, nil), "network.cni"},
		"cloud provider":      {smallest(), smallest().with(object{"cloud_provider": object{"type": "aws", "aws": object{}}}, nil), "cloud_provider.type"},
		"zone of master disk": {smallest().threeAZs(), smallest().threeAZs().group("master", func(g *serviceadapter.InstanceGroup) { g.AZs = g.AZs[:2] }), "availability zone z3"},
		"zone of worker disk": {diskful, diskful.group("worker", func(g *serviceadapter.InstanceGroup) { g.AZs = g.AZs[1:] }), "availability zone z1"},
		"renamed pool":        {smallest().with(nil, pools("a", "b")), smallest().with(nil, pools("a", "c")), "renamed node pool"},
		"encryption dropped":  {encrypted, encrypted.with(nil, object{"kubernetes_profile": nil}), "encryption-provider-config"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failure := tc.is.after(tc.was.run(t).Manifest).refusal(t)
			if !strings.Contains(failure.User, tc.want) || failure.Remedy == "" {
				t.Errorf("got %q with remedy %q, want %q", failure.User, failure.Remedy, tc.want)
			}
		})
	}
}

// TestAllowedChanges: what looks like the above but is fine.
func TestAllowedChanges(t *testing.T) {
	t.Parallel()
	pools := func(names ...string) call {
		var list []object
		for _, n := range names {
			list = append(list, object{"name": n, "instances": 1})
		}
		return smallest().with(nil, object{"compute_profile": object{"name": "p", "parameters": object{"cluster_customization": object{"node_pools": list}}}})
	}
	for name, tc := range map[string]struct {
		was, is  call
		migrated []bosh.Migration // of the first worker group
	}{
		"more masters":         {was: smallest(), is: smallest().threeAZs()},
		"zone of no disk":      {was: smallest().threeAZs(), is: smallest().threeAZs().group("worker", func(g *serviceadapter.InstanceGroup) { g.AZs = g.AZs[1:] })},
		"pool added":           {was: pools("a"), is: pools("a", "b")},
		"pool removed":         {was: pools("a", "b"), is: pools("a")},
		"from one group":       {was: smallest(), is: pools("a", "b"), migrated: []bosh.Migration{{Name: "worker"}}},
		"back to one group":    {was: pools("a", "b"), is: smallest(), migrated: []bosh.Migration{{Name: "worker-a"}, {Name: "worker-b"}}},
		"another host name":    {was: smallest(), is: smallest().with(nil, object{"kubernetes_master_host": "other.example.com"})},
		"kept encryption keys": {was: golden()["kubernetes-profile"], is: golden()["kubernetes-profile"]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := parse(t, tc.is.after(tc.was.run(t).Manifest).run(t).Manifest)
			if got := m.InstanceGroups[2].MigratedFrom; len(got) != len(tc.migrated) || len(got) > 0 && got[0] != tc.migrated[0] {
				t.Errorf("%s is migrated from %v, want %v", m.InstanceGroups[2].Name, got, tc.migrated)
			}
		})
	}
}
