package api_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

func TestUpdateChangesWhatItNamesAndNothingElse(t *testing.T) {
	t.Parallel()
	ca := certificate(t)
	full := pks.ClusterSpec{
		ClusterName: "demo", MasterHost: "demo.example.com", MasterPort: 8443, WorkerInstances: 3,
		Tags:               []pks.Tag{{Name: "team", Value: "blue"}},
		Drain:              pks.DrainSettings{TimeoutMinutes: new(5), Force: new(true)},
		CustomCACerts:      []pks.RegistryCA{{DomainName: "one.example.com", CACert: "first"}},
		InsecureRegistries: []string{"registry.local"},
		UnsetHTTPProxy:     []string{"runtime"},
	}
	for name, test := range map[string]struct {
		body   string
		change func(*pks.ClusterSpec)
	}{
		"workers":                     {`{"kubernetes_worker_instances":5}`, func(s *pks.ClusterSpec) { s.WorkerInstances = 5 }},
		"workers as a string":         {`{"kubernetes_worker_instances":"5"}`, func(s *pks.ClusterSpec) { s.WorkerInstances = 5 }},
		"no registries, in one way":   {`{"insecure_registries":[null],"kubernetes_worker_instances":3}`, func(*pks.ClusterSpec) {}},
		"no registries, in the other": {`{"insecure_registries":[]}`, func(s *pks.ClusterSpec) { s.InsecureRegistries = nil }},
		"registries":                  {`{"insecure_registries":["a.example.com",null]}`, func(s *pks.ClusterSpec) { s.InsecureRegistries = []string{"a.example.com"} }},
		"registries beside other customization": {`{"insecure_registries":["a.example.com"],"k8s_customization_parameters":{"unset_http_proxy":[]}}`, func(s *pks.ClusterSpec) {
			s.InsecureRegistries, s.UnsetHTTPProxy = []string{"a.example.com"}, nil
		}},
		"registries in both places": {`{"insecure_registries":["a.example.com"],"k8s_customization_parameters":{"insecure_registries":["b.example.com"]}}`, func(s *pks.ClusterSpec) {
			s.InsecureRegistries = []string{"b.example.com"}
		}},
		"tags are replaced": {`{"cluster_tags":[{"name":"cost","value":"7"}]}`, func(s *pks.ClusterSpec) { s.Tags = []pks.Tag{{Name: "cost", Value: "7"}} }},
		"tags are deleted":  {`{"delete_all_tags":"true"}`, func(s *pks.ClusterSpec) { s.Tags = nil }},
		"tags are emptied":  {`{"cluster_tags":[]}`, func(s *pks.ClusterSpec) { s.Tags = nil }},
		"one drain setting": {`{"kubelet_drain_timeout":"30"}`, func(s *pks.ClusterSpec) {
			s.Drain.TimeoutMinutes = new(30)
		}},
		"other drain settings": {`{"kubelet_drain_grace_period":"-1","kubelet_drain_force":"false","kubelet_drain_force_node":"true"}`, func(s *pks.ClusterSpec) {
			s.Drain.GracePeriodSeconds, s.Drain.Force, s.Drain.ForceNode = new(-1), new(false), new(true)
		}},
		"a known registry's CA": {`{"custom_ca_certs":[{"domain_name":"one.example.com","ca_cert":` + ca.json + `}]}`, func(s *pks.ClusterSpec) {
			s.CustomCACerts[0].CACert = ca.pem
		}},
		"a new registry's CA": {`{"custom_ca_certs":[{"domain_name":"*.two.example.com:5000","ca_cert":` + ca.json + `}]}`, func(s *pks.ClusterSpec) {
			s.CustomCACerts = append(s.CustomCACerts, pks.RegistryCA{DomainName: "*.two.example.com:5000", CACert: ca.pem})
		}},
		"customization": {`{"k8s_customization_parameters":{"unset_http_proxy":["kube-apiserver"]}}`, func(s *pks.ClusterSpec) {
			s.UnsetHTTPProxy = []string{"kube-apiserver"}
		}},
		// A Java client sends the old parameters whole (reference/pks-api.md §5.5).
		"old parameters as a whole": {`{"kubernetes_master_host":"demo.example.com","kubernetes_master_port":8443,"worker_haproxy_ip_addresses":null,
			"kubernetes_worker_instances":4,"authorization_mode":null,"nsxt_network_profile":null,"cluster_tags":null}`,
			func(s *pks.ClusterSpec) { s.WorkerInstances = 4 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).with("demo", cody, func(c *pks.Cluster) { c.Spec = full.Clone() })
			got := w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: test.body})
			if got.status != http.StatusAccepted {
				t.Fatalf("%d %s", got.status, got.body)
			}
			want := full.Clone()
			test.change(&want)
			after := w.clusters["demo"]
			if diff := cmp.Diff(want, after.Spec); diff != "" {
				t.Error(diff)
			}
			if after.LastAction != pks.ActionUpdate || after.LastActionState != pks.ActionInProgress {
				t.Errorf("%s %s", after.LastAction, after.LastActionState)
			}
		})
	}
}

// Two updates of different members give the same spec in either order.
func TestUpdatesOfDifferentMembersDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	bodies := []string{
		`{"kubernetes_worker_instances":5}`, `{"cluster_tags":[{"name":"a","value":"b"}]}`, `{"kubelet_drain_timeout":7}`,
		`{"kubelet_drain_force":true}`, `{"insecure_registries":["r.example.com"]}`,
		`{"k8s_customization_parameters":{"unset_http_proxy":["runtime"]}}`, `{"k8s_customization_parameters":{"vsphere_cloud_provider_config_key":"x"}}`,
		`{"http_proxy":{"url":"http://p:80"}}`, `{"https_proxy":{"url":"http://q:80"}}`, `{"instance_groups":[{"name":"master","vm_extension":{"a":1}}]}`,
		`{"instance_groups":[{"name":"worker","vm_extension":{"b":2}}]}`,
	}
	apply := func(order ...string) pks.ClusterSpec {
		w := newWorld(t).with("demo", cody)
		for _, body := range order {
			if got := w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: body}); got.status != http.StatusAccepted {
				t.Fatalf("%s: %d %s", body, got.status, got.body)
			}
			settled := w.clusters["demo"]
			settled.LastActionState = pks.ActionSucceeded
			w.clusters["demo"] = settled
		}
		return w.clusters["demo"].Spec
	}
	for i, first := range bodies {
		for _, second := range bodies[i+1:] {
			if diff := cmp.Diff(apply(first, second), apply(second, first)); diff != "" {
				t.Errorf("%s and %s: %s", first, second, diff)
			}
		}
	}
}

func TestUpdateOfAClusterWhosePlanIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody, func(c *pks.Cluster) { c.PlanID, c.PlanName = "gone", "tiny" })
	got := w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: `{"kubernetes_worker_instances":2}`})
	want := "Plan tiny of cluster demo is no longer offered. Ask the platform operator to offer the plan again, or delete the cluster."
	if diff := cmp.Diff(want, problemBody(t, got)); diff != "" || got.status != http.StatusBadRequest || w.changes != 0 {
		t.Errorf("%d, %d changes %s", got.status, w.changes, diff)
	}
}

type testCertificate struct{ pem, json string }

// certificate is some CA certificate, as text and as a JSON string.
func certificate(t testing.TB) testCertificate {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return testCertificate{text, marshal(t, text)}
}
