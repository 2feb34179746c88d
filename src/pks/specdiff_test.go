package pks

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSpecChangesNameWhatDiffersAndHideSecrets(t *testing.T) {
	t.Parallel()
	before := ClusterSpec{
		ClusterName: "demo", MasterHost: "demo.example.com", MasterPort: 8443, WorkerInstances: 3,
		Drain:             DrainSettings{TimeoutMinutes: new(1)},
		Tags:              []Tag{{Name: "a", Value: "1"}},
		Proxy:             &Proxy{HTTP: ProxyServer{URL: "http://p", Password: "old-hunter2"}},
		KubernetesProfile: &Profile{Name: "one", Parameters: json.RawMessage(`{"key":"hunter2"}`)},
	}
	after := before.Clone()
	after.WorkerInstances = 5
	after.Drain = DrainSettings{TimeoutMinutes: new(2), Force: new(true)}
	after.Tags = nil
	after.Proxy.HTTP.Password = "new-hunter2"
	after.CustomCA = &CustomCA{Certificate: "PEM", PrivateKey: "hunter2"}
	after.KubernetesProfile = &Profile{Name: "two", Parameters: json.RawMessage(`{"key":"hunter3"}`)}
	got, err := SpecChanges(&before, after)
	if err != nil {
		t.Fatal(err)
	}
	tags := []any{map[string]any{"name": "a", "value": "1"}}
	want := []SpecChange{
		{"cluster_tags", tags, nil},
		{"custom_ca.certificate", nil, "PEM"},
		{"custom_ca.private_key", nil, "[redacted]"},
		{"kubelet_drain.force", nil, true},
		{"kubelet_drain.timeout_minutes", json.Number("1"), json.Number("2")},
		{"kubernetes_profile.name", "one", "two"},
		{"kubernetes_profile.parameters", "[redacted]", "[redacted]"},
		{"kubernetes_worker_instances", json.Number("3"), json.Number("5")},
		{"proxy.http_proxy.password", "[redacted]", "[redacted]"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEqualSpecsHaveNoChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := specs().Draw(t, "spec")
		for name, p := range map[string]*Profile{"network": spec.NetworkProfile, "compute": spec.ComputeProfile, "kubernetes": spec.KubernetesProfile} {
			if p != nil {
				p.Parameters = json.RawMessage(`{"of":"` + name + `"}`)
			}
		}
		spec.VMExtensionProperties = nil
		changes, err := SpecChanges(&spec, spec.Clone())
		if err != nil || len(changes) > 0 {
			t.Fatalf("%v %v", changes, err)
		}
		all, err := SpecChanges(nil, spec)
		if err != nil || len(all) < 4 {
			t.Fatalf("a new spec has only %v (%v)", all, err)
		}
	})
}
