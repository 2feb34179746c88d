package pks_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/pks"
)

func copyOf(name, parameters string) *pks.Profile {
	return &pks.Profile{Name: name, Parameters: json.RawMessage(parameters)}
}

func TestNetworkProfileKeepsWhatCannotChange(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ was, next, want string }{
		"both say the same":      {`{"lb_size":"small","nodes_dns":["1.1.1.1"]}`, `{"lb_size":"small","nodes_dns":["8.8.8.8"]}`, `{"lb_size":"small","nodes_dns":["8.8.8.8"]}`},
		"the new leaves it out":  {`{"lb_size":"large","pod_subnet_prefix":27}`, `{"nodes_dns":["8.8.8.8"]}`, `{"lb_size":"large","nodes_dns":["8.8.8.8"],"pod_subnet_prefix":27}`},
		"the old leaves it out":  {`{"nodes_dns":["8.8.8.8"]}`, `{"lb_size":"large","node_routable":true}`, `{"nodes_dns":["8.8.8.8"]}`},
		"null is left out":       {`{"lb_size":null,"nodes_dns":["8.8.8.8"]}`, `{"lb_size":"large","nodes_dns":null}`, `{"nodes_dns":["8.8.8.8"]}`},
		"blocks are added":       {`{"pod_ip_block_ids":["a","b"]}`, `{"pod_ip_block_ids":["b","c","a"]}`, `{"pod_ip_block_ids":["b","c","a"]}`},
		"settings of NCP":        {`{"cni_configurations":{"type":"nsxt","parameters":{"nsx_lb":true,"ingress_ip":"10.0.0.1"}}}`, `{"cni_configurations":{"type":"nsxt","parameters":{"nsx_lb":false}}}`, `{"cni_configurations":{"type":"nsxt","parameters":{"ingress_ip":"10.0.0.1","nsx_lb":false}}}`},
		"an ingress that is new": {`{"cni_configurations":{"type":"nsxt"}}`, `{"cni_configurations":{"type":"nsxt","parameters":{"ingress_ip":"10.0.0.1"}}}`, `{"cni_configurations":{"type":"nsxt"}}`},
		"written in another way": {`{"infrastructure_networks":["a"]}`, `{ "infrastructure_networks" : [ "a" ] }`, `{"infrastructure_networks":["a"]}`},
		"NCP's settings are new": {`{"lb_size":"small"}`, `{"cni_configurations":{"type":"nsxt"}}`, `{"cni_configurations":{"type":"nsxt"},"lb_size":"small"}`},
	} {
		got, err := pks.ReplaceNetworkProfile(copyOf("old", test.was), *copyOf("new", test.next))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(copyOf("new", test.want), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	got, err := pks.ReplaceNetworkProfile(nil, *copyOf("new", `{"lb_size":"large","nodes_dns":["8.8.8.8"]}`))
	if diff := cmp.Diff(copyOf("new", `{"nodes_dns":["8.8.8.8"]}`), got); diff != "" || err != nil {
		t.Errorf("a cluster without one: %v %s", err, diff)
	}
	if got, err = pks.ReplaceNetworkProfile(nil, *copyOf("new", `{"lb_size":"large"}`)); got.Parameters != nil || err != nil {
		t.Errorf("a profile of which nothing can come into force: %v %v", got, err)
	}
}

func TestNetworkProfileConflictsNameTheField(t *testing.T) {
	t.Parallel()
	for field, test := range map[string]struct{ was, next string }{
		"lb_size":          {`{"lb_size":"small"}`, `{"lb_size":"large"}`},
		"pod_ip_block_ids": {`{"pod_ip_block_ids":["a","b"]}`, `{"pod_ip_block_ids":["b"]}`},
		"fip_pool_ids":     {`{"fip_pool_ids":["a"]}`, `{"fip_pool_ids":["b"]}`},
		"pod_cidr":         {`{"nodes_dns":["1.1.1.1"]}`, `{"pod_cidr":"10.0.0.0/16"}`},
		"cni_configurations.parameters.ingress_ip": {`{"cni_configurations":{"type":"nsxt","parameters":{"ingress_ip":"10.0.0.1"}}}`,
			`{"cni_configurations":{"type":"nsxt","parameters":{"ingress_ip":"10.0.0.2"}}}`},
	} {
		_, err := pks.ReplaceNetworkProfile(copyOf("old", test.was), *copyOf("new", test.next))
		wantInvalid(t, "Error processing update parameters: field "+field+" has conflict.", err)
	}
}

// Giving a cluster its own profile again changes nothing, and two updates leave
// what the second would have left alone, as far as it says anything.
func TestReplacingANetworkProfileSettles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		draw := func() pks.Profile {
			parameters, err := json.Marshal(drawNetwork(rt))
			if err != nil {
				rt.Fatal(err)
			}
			return pks.Profile{Name: "p", Parameters: parameters}
		}
		was, next := draw(), draw()
		once, err := pks.ReplaceNetworkProfile(&was, next)
		if err != nil {
			return // a conflict
		}
		twice, err := pks.ReplaceNetworkProfile(once, next)
		if err != nil {
			rt.Fatalf("the same again: %v", err)
		}
		if diff := cmp.Diff(once, twice); diff != "" {
			rt.Fatal(diff)
		}
		if p := (pks.NamedProfile{Kind: pks.NetworkProfiles, Name: "p", Parameters: once.Parameters}); len(p.Parameters) > 0 {
			if err := pks.ValidateProfile(p); err != nil {
				rt.Fatalf("what came of it is not valid: %v", err)
			}
		}
	})
}

func computePlan() pks.Plan {
	return pks.Plan{Name: "small", MasterInstances: 3, WorkerInstances: 2, MaxWorkerInstances: 10,
		MasterVM: pks.MachineSize{CPU: 2, MemoryMB: 4096}, WorkerVM: pks.MachineSize{CPU: 1, MemoryMB: 1024}}
}

func TestNodePoolsDecideHowManyWorkersThereAre(t *testing.T) {
	t.Parallel()
	two := copyOf("two", pools(`{"name":"a","instances":2,"max_worker_instances":4},{"name":"b","instances":3,"cpu":8,"memory_in_mb":2048,"ephemeral_disk_in_mb":1}`))
	spec, err := (pks.ClusterSpec{WorkerInstances: 7}).ApplyCompute(pks.ComputeChange{Profile: two, Instances: map[string]int{"a": 4}, Field: "f"}, computePlan())
	if err != nil {
		t.Fatal(err)
	}
	want := pks.ClusterSpec{WorkerInstances: 7, ComputeProfile: two, NodePoolInstances: map[string]int{"a": 4}}
	if diff := cmp.Diff(want, spec); diff != "" {
		t.Error(diff)
	}
	machines, err := spec.Machines(computePlan())
	if err != nil {
		t.Fatal(err)
	}
	wantMachines := pks.Machines{Groups: []pks.MachineGroup{
		{Name: "master", Instances: 3, MachineSize: pks.MachineSize{CPU: 2, MemoryMB: 4096}},
		{Name: "worker-a", Instances: 4, MachineSize: pks.MachineSize{CPU: 1, MemoryMB: 1024}},
		{Name: "worker-b", Instances: 3, MachineSize: pks.MachineSize{CPU: 8, MemoryMB: 2048}},
	}}
	if diff := cmp.Diff(wantMachines, machines); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(pks.Resources{CPU: 34, MemoryMB: 22528, Clusters: 1}, machines.Use()); diff != "" {
		t.Error(diff)
	}
	for want, change := range map[string]pks.ComputeChange{
		"f.a is 5; the node pool can have 1 to 4.":                                                      {Instances: map[string]int{"a": 5}},
		"f.b is 0; the node pool can have 1 to 10.":                                                     {Instances: map[string]int{"b": 0}},
		`f names "c", which is no node pool of compute profile two.`:                                    {Instances: map[string]int{"c": 1}},
		"The node pools of compute profile two have 11 workers together; plan small allows at most 10.": {Instances: map[string]int{"a": 4, "b": 7}},
	} {
		change.Field = "f"
		_, err := spec.ReplaceCompute(change, computePlan())
		wantInvalid(t, want, err)
	}
	_, err = (pks.ClusterSpec{}).ReplaceCompute(pks.ComputeChange{Instances: map[string]int{"a": 1}, Field: "f"}, computePlan())
	wantInvalid(t, "f is set, but the cluster has no node pools.", err)
}

// A number that a user chose for a node pool stays until a profile says something
// new about that pool.
func TestChosenNumbersOutliveProfilesThatSayTheSame(t *testing.T) {
	t.Parallel()
	spec := pks.ClusterSpec{ComputeProfile: copyOf("old", pools(`{"name":"a","instances":1},{"name":"b","instances":1}`)), NodePoolInstances: map[string]int{"a": 3, "b": 3}, WorkerInstances: 6}
	got, err := spec.ReplaceCompute(pks.ComputeChange{Profile: copyOf("new", pools(`{"name":"a","instances":1,"node_labels":"x=y"},{"name":"b","instances":2}`)), Field: "f"}, computePlan())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"a": 3}, got.NodePoolInstances); diff != "" || got.WorkerInstances != 5 {
		t.Errorf("%d workers: %s", got.WorkerInstances, diff)
	}
}

func TestComputeProfileThatWouldLoseDataIsRefused(t *testing.T) {
	t.Parallel()
	control := func(c string) string { return `{"cluster_customization":{"control_plane":{` + c + `}}}` }
	const field = "compute_profile_name"
	for name, test := range map[string]struct {
		was, next string
		force     bool
		want      string
	}{
		"fewer masters":             {control(`"instances":5`), control(`"instances":3`), true, field + ": the number of masters cannot change from 5 to 3 on a cluster that exists."},
		"more masters than plan's":  {pools(`{"name":"a","instances":1}`), control(`"instances":5`), true, field + ": the number of masters cannot change from 3 to 5 on a cluster that exists."},
		"zones of masters":          {control(`"az_names":["a","b"]`), control(`"az_names":["a","c"]`), false, field + ": the availability zones of the masters cannot change on a cluster that exists."},
		"one zone, enforced":        {control(`"az_names":["a","b"]`), control(`"az_names":["c","a"]`), true, ""},
		"two zones, enforced":       {control(`"az_names":["a","b"]`), control(`"az_names":["c","d"]`), true, field + ": at most one availability zone of the masters can be replaced at a time, and of 3 or more masters only, or etcd loses its data."},
		"of a single master":        {control(`"az_names":["a"],"instances":1`), control(`"az_names":["b"],"instances":1`), true, field + ": at most one availability zone of the masters can be replaced at a time, and of 3 or more masters only, or etcd loses its data."},
		"zones of a pool":           {pools(`{"name":"a","instances":1,"az_names":["a"]}`), pools(`{"name":"a","instances":1,"az_names":["b"]}`), false, field + ": the availability zones of node pool a cannot change on a cluster that exists."},
		"zones of a pool, enforced": {pools(`{"name":"a","instances":1,"az_names":["a"]}`), pools(`{"name":"a","instances":1,"az_names":["b"]}`), true, ""},
		"a renamed pool":            {pools(`{"name":"a","instances":1}`), pools(`{"name":"b","instances":1}`), true, field + ": the profile adds the node pools b and removes a at once, which looks like renaming them."},
		"a pool more":               {pools(`{"name":"a","instances":1}`), pools(`{"name":"a","instances":1},{"name":"b","instances":1}`), false, ""},
		"a pool less":               {pools(`{"name":"a","instances":1},{"name":"b","instances":1}`), pools(`{"name":"a","instances":1}`), false, ""},
	} {
		spec := pks.ClusterSpec{ComputeProfile: copyOf("old", test.was)}
		_, err := spec.ReplaceCompute(pks.ComputeChange{Profile: copyOf("new", test.next), Force: test.force, Field: "f"}, computePlan())
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantInvalid(t, test.want, err)
	}
}

func TestKeysOfEncryptedSecretsStay(t *testing.T) {
	t.Parallel()
	const first, second = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
	with := func(name string, keys ...string) *pks.Profile {
		config := "kind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - aescbc:\n      keys:\n"
		for i, key := range keys {
			config += "      - {name: k" + strings.Repeat("x", i) + ", secret: " + key + "}\n"
		}
		p := copyOf(name, file("encryption-provider-config", config+"  - identity: {}\n"))
		if err := pks.ValidateProfile(pks.NamedProfile{Kind: pks.KubernetesProfiles, Name: name, Parameters: p.Parameters}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	plain := copyOf("plain", arguments("kube-apiserver", `"oidc-client-id":"c"`))
	rotation := []*pks.Profile{nil, plain, with("one", first), with("two", first, second), with("three", second, first), with("four", second)}
	for i, next := range rotation[1:] {
		if err := pks.CheckKubernetesProfileChange(rotation[i], *next); err != nil {
			t.Errorf("to %s: %v", next.Name, err)
		}
	}
	wantInvalid(t, "kubernetes_profile_name: the cluster's secrets are encrypted, but the profile plain has no encryption-provider-config.",
		pks.CheckKubernetesProfileChange(with("one", first), *plain))
	wantInvalid(t, "kubernetes_profile_name: the profile four lacks the key with which the cluster's secrets are encrypted now.",
		pks.CheckKubernetesProfileChange(with("one", first), *with("four", second)))
}
