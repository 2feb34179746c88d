package pks_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/adapter"
	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/pks"
)

// maybe puts members into a document, some or all of them.
func maybe(rt *rapid.T, at string, members map[string]*rapid.Generator[any]) map[string]any {
	document := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if rapid.Bool().Draw(rt, at+name+" is given") {
			document[name] = members[name].Draw(rt, at+name)
		}
	}
	return document
}

func word(words ...string) *rapid.Generator[any] { return rapid.SampledFrom(words).AsAny() }

func ids() *rapid.Generator[any] {
	return rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9-]{1,8}[a-zü'"$]`), 1, 3, rapid.ID).AsAny()
}

func drawNetwork(rt *rapid.T) map[string]any {
	document := maybe(rt, "", map[string]*rapid.Generator[any]{
		"lb_size": word("small", "medium", "large"), "pod_ip_block_ids": ids(), "fip_pool_ids": ids(), "node_ip_block_ids": ids(),
		"pod_subnet_prefix": rapid.IntRange(8, 30).AsAny(), "pod_routable": rapid.Bool().AsAny(), "t0_router_id": word("a", "b"),
		"node_routable": rapid.Bool().AsAny(), "node_subnet_prefix": rapid.IntRange(8, 30).AsAny(),
		"nodes_dns":       rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"8.8.8.8", "1.1.1.1", "fd00::1", "9.9.9.9"}), 1, 3, rapid.ID).AsAny(),
		"dns_lookup_mode": word("API"), "single_tier_topology": rapid.Bool().AsAny(), "failover_mode": word("PREEMPTIVE", "NON_PREEMPTIVE"),
	})
	if rapid.Bool().Draw(rt, "cni") {
		document["cni_configurations"] = map[string]any{"type": "nsxt", "parameters": maybe(rt, "cni ", map[string]*rapid.Generator[any]{
			"nsx_lb": rapid.Bool().AsAny(), "x_forwarded_for": word("none", "insert", "replace"), "ingress_ip": word("10.0.0.1", "fd00::1"),
			"max_l4_lb_service": rapid.IntRange(1, 100).AsAny(), "l4_lb_algorithm": word("round_robin", "ip_hash"),
			"enable_hostport": rapid.Bool().AsAny(), "lb_http_response_timeout": rapid.IntRange(1, 1000).AsAny(),
		})}
	}
	if len(document) == 0 {
		document["lb_size"] = "small"
	}
	return document
}

func drawCompute(rt *rapid.T) map[string]any {
	size := func(at string) map[string]any {
		sized := map[string]any{}
		if rapid.Bool().Draw(rt, at+" is sized") {
			for _, name := range []string{"cpu", "memory_in_mb", "ephemeral_disk_in_mb"} {
				sized[name] = rapid.IntRange(1, 1<<16).Draw(rt, at+name)
			}
		}
		if rapid.Bool().Draw(rt, at+" has a disk") {
			sized["persistent_disk_in_mb"] = rapid.IntRange(1, 1<<16).Draw(rt, at+"disk")
		}
		return sized
	}
	control := size("master")
	if rapid.Bool().Draw(rt, "masters") {
		control["instances"] = rapid.SampledFrom([]int{1, 3, 5}).Draw(rt, "masters are")
	}
	var pools []any
	for i := range rapid.IntRange(0, 3).Draw(rt, "pools") {
		pool := size(fmt.Sprint("pool", i))
		pool["name"] = fmt.Sprintf("pool-%d", i)
		pool["instances"] = rapid.IntRange(1, 9).Draw(rt, "instances")
		if i > 0 {
			pool["node_taints"] = rapid.SampledFrom([]string{"", "a=b:NoSchedule", "x.y/a:NoExecute,c=d:PreferNoSchedule"}).Draw(rt, "taints")
		}
		pool["node_labels"] = rapid.SampledFrom([]string{"", "a=b", "example.com/a=b,c="}).Draw(rt, "labels")
		pools = append(pools, pool)
	}
	customization := map[string]any{"control_plane": control}
	if pools != nil {
		customization["node_pools"] = pools
	}
	return map[string]any{"cluster_customization": customization}
}

func drawKubernetes(rt *rapid.T) map[string]any {
	flags := maybe(rt, "", map[string]*rapid.Generator[any]{
		"service-node-port-range":  word("30000-40000", "1-1"),
		"enable-admission-plugins": word("ResourceQuota", "ResourceQuota,PodNodeSelector"),
		"oidc-issuer-url":          word("https://idp.example.com/x"), "oidc-client-id": rapid.StringMatching(`[a-zü$' ]{0,5}[a-z]`).AsAny(),
	})
	if len(flags) == 0 {
		flags["oidc-client-id"] = "c"
	}
	return map[string]any{
		"customizations": []any{map[string]any{"component": "kube-apiserver", "arguments": flags}},
		"experimental_customizations": []any{map[string]any{
			"component": rapid.SampledFrom([]string{"kubelet", "kube-proxy", "kube-scheduler", "kube-controller-manager"}).Draw(rt, "component"),
			"arguments": map[string]any{"v": rapid.StringMatching(`[0-9a-zü,=$']{0,9}`).Draw(rt, "value")},
		}},
	}
}

// What is accepted at the door is accepted by the adapter: no profile waits for a
// deployment to be refused.
func TestAcceptedProfilesMakeManifests(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		plan := pks.Plan{Name: "p", MasterInstances: 1, WorkerInstances: 2, MaxWorkerInstances: 30}
		named := func(kind pks.ProfileKind, document map[string]any) *pks.Profile {
			parameters, err := json.Marshal(document)
			if err != nil {
				rt.Fatal(err)
			}
			p := pks.NamedProfile{Kind: kind, Name: string(kind), Parameters: parameters}
			if err := pks.ValidateProfile(p); err != nil {
				rt.Fatalf("%s is refused: %v", parameters, err)
			}
			return p.Copy()
		}
		spec := pks.ClusterSpec{
			ClusterName: "demo", MasterHost: "demo.example.com", MasterPort: 8443, WorkerInstances: 2,
			NetworkProfile:    named(pks.NetworkProfiles, drawNetwork(rt)),
			KubernetesProfile: named(pks.KubernetesProfiles, drawKubernetes(rt)),
		}
		spec, err := spec.ApplyCompute(pks.ComputeChange{Profile: named(pks.ComputeProfiles, drawCompute(rt)), Field: "node_pool_instances"}, plan)
		if err != nil {
			rt.Fatal(err)
		}
		if err := spec.Validate(plan); err != nil {
			rt.Fatal(err)
		}
		manifest, err := adapter.Generate(adapterInput(rt, spec, plan))
		if err != nil {
			rt.Fatalf("the adapter refuses what was accepted: %v", err)
		}
		machines, err := spec.Machines(plan)
		if err != nil {
			rt.Fatal(err)
		}
		made := map[string]int{}
		for _, group := range manifest.Manifest.InstanceGroups {
			if group.Name == "master" || strings.HasPrefix(group.Name, "worker") {
				made[group.Name] = group.Instances
			}
		}
		for _, group := range machines.Groups {
			if made[group.Name] != group.Instances {
				rt.Errorf("%s: %d machines are counted, the manifest has %d", group.Name, group.Instances, made[group.Name])
			}
			delete(made, group.Name)
		}
		if len(made) > 0 {
			rt.Errorf("machines that are not counted: %v", made)
		}
	})
}

// The door and the adapter agree which network profiles fit which network.
func TestNetworkProfilesFitPlansAsTheAdapterHasIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		plan := pks.Plan{Name: "p", MasterInstances: 1, WorkerInstances: 2, MaxWorkerInstances: 30, CNI: rapid.SampledFrom(pks.CNIs()).Draw(rt, "network")}
		document := drawNetwork(rt)
		if rapid.Bool().Draw(rt, "ranges") {
			document = maybe(rt, "", map[string]*rapid.Generator[any]{"pod_cidr": word("10.220.0.0/16"), "service_cidr": word("10.221.0.0/24"), "nodes_dns": rapid.Just(any([]string{"9.9.9.9"}))})
		}
		parameters, err := json.Marshal(document)
		if err != nil {
			rt.Fatal(err)
		}
		spec := pks.ClusterSpec{
			ClusterName: "demo", MasterHost: "demo.example.com", MasterPort: 8443, WorkerInstances: 2,
			NetworkProfile: &pks.Profile{Name: "own", Parameters: parameters},
		}
		atTheDoor := plan.CheckNetworkProfile(spec.NetworkProfile)
		_, inTheAdapter := adapter.Generate(adapterInput(rt, spec, plan))
		if (atTheDoor == nil) != (inTheAdapter == nil) {
			rt.Errorf("%s with %s:\n door: %v\n adapter: %v", parameters, plan.CNI, atTheDoor, inTheAdapter)
		}
		plan.CNI = ""
		if err := plan.CheckNetworkProfile(spec.NetworkProfile); err != nil {
			rt.Errorf("a plan that does not say its network: %v", err)
		}
	})
}

func adapterInput(rt *rapid.T, spec pks.ClusterSpec, plan pks.Plan) serviceadapter.GenerateManifestParams {
	in := serviceadapter.GenerateManifestParams{
		ServiceDeployment: serviceadapter.ServiceDeployment{
			DeploymentName: "service-instance_88d3a538-0000-4c16-8e86-2d691c28dc75",
			Stemcells:      []serviceadapter.Stemcell{{OS: "ubuntu-xenial", Version: "621.76"}},
		},
		Plan: serviceadapter.Plan{
			Properties:       viaJSON(rt, map[string]any{"max_worker_instances": plan.MaxWorkerInstances, "network": networkOf(plan)}),
			LifecycleErrands: serviceadapter.LifecycleErrands{PostDeploy: []serviceadapter.Errand{{Name: "apply-addons"}}},
			InstanceGroups: []serviceadapter.InstanceGroup{
				{Name: "master", VMType: "small", Instances: plan.MasterInstances, Networks: []string{"default"}, AZs: []string{"z1"}, PersistentDiskType: "10GB"},
				{Name: "worker", VMType: "medium", Instances: plan.WorkerInstances, Networks: []string{"default"}, AZs: []string{"z1"}},
				{Name: "apply-addons", VMType: "micro", Instances: 1, Networks: []string{"default"}, AZs: []string{"z1"}, Lifecycle: "errand"},
			},
		},
		RequestParams: serviceadapter.RequestParameters{"service_id": "s", "plan_id": "p", "parameters": viaJSON(rt, spec)},
	}
	for _, r := range slices.Concat(cfcr.Releases(), cfcr.Optional(), cfcr.NSX()) {
		in.ServiceDeployment.Releases = append(in.ServiceDeployment.Releases, serviceadapter.ServiceRelease{Name: r.Name, Version: r.Version, Jobs: r.JobNames()})
	}
	return in
}

// networkOf is the plan's network; NSX-T, which takes all profiles, unless it says
// otherwise.
func networkOf(plan pks.Plan) map[string]any {
	if plan.CNI != "" && plan.CNI != pks.CNINSXT {
		return map[string]any{"cni": plan.CNI}
	}
	return map[string]any{"cni": pks.CNINSXT, "nsx_t": map[string]any{
		"managers": []string{"nsx.example.com"}, "insecure": true, "client_cert": "((/nsx.certificate))", "client_key": "((/nsx.private_key))",
		"t0_router_id": "t0", "pod_ip_block_ids": []string{"b"}, "fip_pool_ids": []string{"f"},
	}}
}

func viaJSON(rt *rapid.T, document any) map[string]any {
	raw, err := json.Marshal(document)
	if err != nil {
		rt.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		rt.Fatal(err)
	}
	return out
}
