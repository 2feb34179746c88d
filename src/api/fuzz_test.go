package api_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

// FuzzCreateBody: whatever the body, it is accepted with a spec that is valid by
// the domain's rules, or refused with nothing stored.
func FuzzCreateBody(f *testing.F) {
	f.Add(`{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"demo.example.com"}}`)
	f.Add(`{"name":"demo","plan_name":"large","network_profile_name":"","parameters":{"kubernetes_master_host":"10.0.0.1","kubernetes_master_port":"1","kubernetes_worker_instances":5.0,"cluster_tags":[{"name":"a","value":"b","category":null}],"insecure_registries":[null,"x"],"k8s_customization_parameters":{"unset_http_proxy":["runtime"]}}}`)
	f.Add(`{"name":{},"parameters":{"custom_ca_certs":[{"domain_name":"*.a","ca_cert":"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"}]}}`)
	f.Add(`{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"a","custom_ca":{"certificate":"-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----","private_key":null}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld(t)
		got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: body, header: beyond()})
		switch got.status {
		case http.StatusAccepted:
			for _, c := range w.clusters {
				plan := testPlans()[0]
				if c.PlanName == "large" {
					plan = testPlans()[1]
				}
				if err := c.Spec.Validate(plan); err != nil {
					t.Errorf("accepted an invalid spec: %v", err)
				}
			}
			if w.changes != 1 {
				t.Errorf("%d changes", w.changes)
			}
		case http.StatusBadRequest:
			if w.changes != 0 || problemBody(t, got) == "" {
				t.Errorf("%d changes after a refusal: %s", w.changes, got.body)
			}
		default:
			t.Errorf("status %d: %s", got.status, got.body)
		}
	})
}

// FuzzUpdateBody: whatever the body, name, host and port stay, and what is
// accepted is valid by the domain's rules.
func FuzzUpdateBody(f *testing.F) {
	f.Add(`{"kubernetes_worker_instances":2}`)
	f.Add(`{"kubernetes_worker_instances":"2","insecure_registries":[null],"kubelet_drain_timeout":"5","kubelet_drain_force_node":"True","delete_all_tags":true}`)
	f.Add(`{"cluster_tags":[{"name":"a"}],"k8s_customization_parameters":{"vsphere_cloud_provider_config_key":"x"},"kubernetes_master_host":"other"}`)
	f.Add(`{"deletion_lock":"TRUE"}`)
	f.Add(`{"deletion_lock":null,"custom_ca":{}}`)
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld(t).with("demo", cody)
		before := w.clusters["demo"].Spec
		got := w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: body, header: beyond()})
		after := w.clusters["demo"].Spec
		switch got.status {
		case http.StatusAccepted:
			if err := after.Validate(testPlans()[0]); err != nil {
				t.Errorf("accepted an invalid spec: %v", err)
			}
			type fixed struct {
				name, host string
				port       int
			}
			of := func(s pks.ClusterSpec) fixed { return fixed{s.ClusterName, s.MasterHost, s.MasterPort} }
			if of(before) != of(after) {
				t.Errorf("%+v became %+v", of(before), of(after))
			}
		case http.StatusBadRequest:
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("a refused update changed the spec: %s", diff)
			}
		default:
			t.Errorf("status %d: %s", got.status, got.body)
		}
	})
}

// FuzzOtherBodies: whatever the body of any route, it is accepted or refused with a
// reason, and a refusal changes nothing.
func FuzzOtherBodies(f *testing.F) {
	given := samples(f)
	routes := slices.Sorted(maps.Keys(given))
	for i, route := range routes {
		for _, s := range given[route] {
			f.Add(uint8(i), s.body)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, body string) {
		route := routes[int(i)%len(routes)]
		method, _, _ := strings.Cut(route, " ")
		w := samplesWorld(t)
		before := w.changes
		got := w.send(request{method: method, path: given[route][0].path, token: "admin", body: body, header: beyond()})
		switch got.status {
		case http.StatusOK, http.StatusCreated, http.StatusAccepted:
		case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict:
			if w.changes != before || problemBody(t, got) == "" {
				t.Errorf("%s: %d changes after a refusal: %s", route, w.changes-before, got.body)
			}
		default:
			t.Errorf("%s: status %d: %s", route, got.status, got.body)
		}
	})
}
