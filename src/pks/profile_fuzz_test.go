package pks_test

import (
	"testing"

	"github.com/pks-community/pks-release/src/pks"
)

// FuzzProfile: whatever the parameters, they are refused by their path or can be
// used: read, compared with each other, and counted.
func FuzzProfile(f *testing.F) {
	f.Add(uint8(0), `{"lb_size":"large","pod_ip_block_ids":["a"],"cni_configurations":{"type":"nsxt","parameters":{"extensions":{"ncp":{"coe":{"a":1}}}}}}`)
	f.Add(uint8(0), `{"pod_cidr":"10.0.0.0/16","service_cidr":"10.1.0.0/16"}`)
	f.Add(uint8(1), `{"azs":[`+az+`],"cluster_customization":{"control_plane":{"instances":3},"node_pools":[{"name":"a","instances":1,"node_taints":""}]}}`)
	f.Add(uint8(2), `{"customizations":[{"component":"kube-apiserver","arguments":{"service-node-port-range":"1-2"},"file-arguments":{"oidc-ca-file":"-----BEGIN CERTIFICATE-----"}}]}`)
	f.Add(uint8(2), file("encryption-provider-config", encrypted))
	f.Fuzz(func(t *testing.T, which uint8, parameters string) {
		kind := pks.ProfileKinds()[int(which)%3]
		p := profile(kind, parameters)
		if pks.ValidateProfile(p) != nil {
			return
		}
		var err error
		switch kind {
		case pks.NetworkProfiles:
			var once *pks.Profile
			if once, err = pks.ReplaceNetworkProfile(p.Copy(), *p.Copy()); err == nil && once == nil {
				t.Error("nothing came of it")
			}
		case pks.ComputeProfiles:
			plan := pks.Plan{MasterInstances: 3, WorkerInstances: 1, MaxWorkerInstances: 1 << 30}
			var spec pks.ClusterSpec
			if spec, err = (pks.ClusterSpec{WorkerInstances: 1}).ApplyCompute(pks.ComputeChange{Profile: p.Copy()}, plan); err == nil {
				_, err = spec.Machines(plan)
			}
		default:
			err = pks.CheckKubernetesProfileChange(p.Copy(), *p.Copy())
		}
		if err != nil {
			t.Errorf("a valid profile cannot replace itself: %v", err)
		}
	})
}

func FuzzMachines(f *testing.F) {
	f.Add("observed master:1:2:4096 worker:3:2:8192")
	f.Fuzz(func(t *testing.T, stored string) {
		var m pks.Machines
		if m.UnmarshalText([]byte(stored)) != nil {
			return
		}
		again, err := m.MarshalText()
		if err != nil {
			t.Errorf("%q: %v", stored, err)
		}
		var back pks.Machines
		if err := back.UnmarshalText(again); err != nil {
			t.Errorf("%q became %q: %v", stored, again, err)
		}
	})
}
