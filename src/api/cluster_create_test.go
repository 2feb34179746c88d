package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

// A client is known to read all of these by key from the 202 answer
// (reference/pks-api.md §0).
func TestCreateAnswerAlreadyHoldsEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody",
		body: `{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"demo.example.com"}}`})
	want := map[string]any{
		"name": "demo", "plan_name": "small", "uuid": "00000000-0000-4000-8000-000000000001",
		"last_action": "CREATE", "last_action_state": "in progress", "last_action_description": "Creating cluster",
		"kubernetes_master_ips": []any{"In Progress"},
		"network_profile_name":  "", "compute_profile_name": "", "kubernetes_profile_name": "",
		"k8s_version": "1.34.2", "pks_version": "1.0.0-dev", "available_upgrades": []any{},
		"parameters": map[string]any{
			"kubernetes_master_host": "demo.example.com", "kubernetes_master_port": 8443.0, "kubernetes_worker_instances": 3.0,
			"worker_haproxy_ip_addresses": nil, "authorization_mode": nil,
		},
	}
	var document map[string]any
	got.decode(t, &document)
	if diff := cmp.Diff(want, document); diff != "" || got.status != http.StatusAccepted {
		t.Errorf("%d %s", got.status, diff)
	}
	if owner := w.clusters["demo"].Owner; owner != cody {
		t.Errorf("owner is %+v", owner)
	}
	read := w.send(request{method: "GET", path: "/v1/clusters/demo", token: "cody"})
	var again map[string]any
	read.decode(t, &again)
	delete(again, "operation") // which tells how far it is
	if diff := cmp.Diff(document, again); diff != "" {
		t.Errorf("a read right after differs: %s", diff)
	}
}

func TestCreateReadsWhatClientsAreKnownToSend(t *testing.T) {
	t.Parallel()
	plain := pks.ClusterSpec{ClusterName: "demo", MasterHost: "demo.example.com", MasterPort: 8443, WorkerInstances: 2}
	with := func(change func(*pks.ClusterSpec)) pks.ClusterSpec {
		spec := plain.Clone()
		change(&spec)
		return spec
	}
	for name, test := range map[string]struct {
		body string
		want pks.ClusterSpec
	}{
		"numbers as strings": {
			`{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"demo.example.com","kubernetes_master_port":"9443","kubernetes_worker_instances":"2"}}`,
			with(func(s *pks.ClusterSpec) { s.MasterPort = 9443 }),
		},
		"nulls and empty profile names": {
			`{"name":"demo","plan_name":"small","network_profile_name":"","compute_profile_name":null,"kubernetes_profile_name":"",
			  "parameters":{"kubernetes_master_host":"demo.example.com","kubernetes_master_port":null,"worker_haproxy_ip_addresses":null,
			  "kubernetes_worker_instances":2,"authorization_mode":null,"nsxt_network_profile":null,"cluster_tags":null,"custom_ca_certs":null,
			  "k8s_customization_parameters":{"insecure_registries":null,"unset_http_proxy":null,"vsphere_cloud_provider_config_key":null}}}`,
			plain,
		},
		"unknown members": {
			`{"name":"demo","plan_name":"small","plan":"","colour":{"red":[1]},"parameters":{"kubernetes_master_host":"demo.example.com","kubernetes_worker_instances":2,"sky":"blue"}}`,
			plain,
		},
		"null registries in an array": {
			`{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"demo.example.com","kubernetes_worker_instances":2,
			  "k8s_customization_parameters":{"insecure_registries":[null]}}}`,
			plain,
		},
		"all settings": {
			`{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"demo.example.com","kubernetes_worker_instances":2,
			  "cluster_tags":[{"name":"team","value":"blue","category":"org"},{"name":"empty","value":""}],
			  "k8s_customization_parameters":{"insecure_registries":["registry.local:5000"],"unset_http_proxy":["runtime"],"vsphere_cloud_provider_config_key":"dc1"}}}`,
			with(func(s *pks.ClusterSpec) {
				s.Tags = []pks.Tag{{Name: "team", Value: "blue", Category: "org"}, {Name: "empty"}}
				s.InsecureRegistries = []string{"registry.local:5000"}
				s.UnsetHTTPProxy = []string{"runtime"}
				s.VSphereCloudProviderConfigKey = "dc1"
			}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			got := w.send(request{method: "POST", path: "/v1/clusters", token: "admin", body: test.body, header: beyond()})
			if got.status != http.StatusAccepted {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if diff := cmp.Diff(test.want, w.clusters["demo"].Spec); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCreateOfATakenNameIsAConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", naomi)
	before := w.snapshot()
	got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody",
		body: `{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"other.example.com"}}`})
	var problem v1.ErrorResponse
	got.decode(t, &problem)
	if got.status != http.StatusConflict || problem.Code != "name_taken" {
		t.Errorf("%d %+v", got.status, problem)
	}
	if diff := cmp.Diff(before, w.snapshot(), addresses); diff != "" {
		t.Error(diff)
	}
}
