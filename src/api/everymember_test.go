package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/pks"
)

// sample is a request that is accepted. Together those of one route have every
// member that its OpenAPI schema has.
type sample struct{ path, body string }

func samples(t testing.TB) map[string][]sample {
	t.Helper()
	certificate, key := rootCA(t)
	quoted := func(text string) string { return marshal(t, text) }
	const tag = `[{"name":"a","value":"b","category":"c"}]`
	const proxies = `"http_proxy":{"url":"http://p:80","username":"u","password":"s"},"https_proxy":{"url":"http://p:80","username":"u","password":"s"},` +
		`"no_proxy":"a.b","global_no_proxy_merge":true,"instance_groups":[{"name":"worker","vm_extension":{"a":1}}]`
	const customize = `{"vsphere_cloud_provider_config_key":"a1","unset_http_proxy":["runtime"]}`
	cas := `[{"domain_name":"a.b","ca_cert":` + quoted(certificate) + `}]`
	const identifiers = `["a"]`
	const sized = `"cpu":1,"memory_in_mb":1,"ephemeral_disk_in_mb":1,"persistent_disk_in_mb":1,"az_names":["z"]`
	const customizations = `[{"component":"kube-apiserver","arguments":{"oidc-client-id":"c"},"file-arguments":{"oidc-ca-file":%s}}]`
	return map[string][]sample{
		"POST /v1/clusters": {
			{"/v1/clusters", `{"name":"new","plan_name":"small","network_profile_name":"np","compute_profile_name":"masters","kubernetes_profile_name":"kp","parameters":{
				"kubernetes_master_host":"new.example.com","kubernetes_master_port":8443,"kubernetes_worker_instances":3,"cluster_tags":` + tag + `,
				"custom_ca_certs":` + cas + `,"insecure_registries":["r"],"k8s_customization_parameters":` + customize + `,
				"custom_ca":{"certificate":` + quoted(certificate) + `,"private_key":` + quoted(key) + `},` + proxies + `}}`},
			{"/v1/clusters", `{"name":"new","plan_name":"small","compute_profile_name":"pools","parameters":{"kubernetes_master_host":"new.example.com","node_pool_instances":{"tiny":2},
				"k8s_customization_parameters":{"insecure_registries":["r"]}}}`},
		},
		"PATCH /v1/clusters": {
			{"/v1/clusters", `{"clusters":["demo"],"canaries":["pooled"],"max_in_flight":2,"nodes_parallel":2,"force":true}`},
			{"/v1/clusters", `{"all":true}`},
		},
		"PATCH /v1/clusters/{cluster}": {
			{"/v1/clusters/demo", `{"kubernetes_worker_instances":2,"kubelet_drain_timeout":5,"kubelet_drain_grace_period":5,"kubelet_drain_force":true,"kubelet_drain_ignore_daemonsets":true,
				"kubelet_drain_delete_local_data":true,"kubelet_drain_force_node":true,"insecure_registries":["r"],"custom_ca_certs":` + cas + `,"cluster_tags":` + tag + `,
				"k8s_customization_parameters":` + customize + `,"deletion_lock":true,"network_profile_name":"dns","kubernetes_profile_name":"kp",` + proxies + `}`},
			{"/v1/clusters/pooled", `{"compute_profile_name":"pools","node_pool_instances":{"tiny":2},"enforce_compute_profile_update":true,"delete_all_tags":true,
				"k8s_customization_parameters":{"insecure_registries":["r"]}}`},
		},
		"POST /v1/clusters/{cluster}/rotate-certificates": {{"/v1/clusters/demo/rotate-certificates", `{"all":true,"only_nsx":false,"skip_nsx":true}`}},
		"POST /v1/network-profiles": {
			{"/v1/network-profiles", `{"name":"new","description":"d","parameters":{"lb_size":"small","pod_ip_block_ids":` + identifiers + `,"pod_subnet_prefix":24,"pod_routable":true,
				"fip_pool_ids":` + identifiers + `,"t0_router_id":"t","master_vms_nsgroup_id":"m","node_ip_block_ids":` + identifiers + `,"node_routable":true,"node_subnet_prefix":24,
				"nodes_dns":["1.1.1.1"],"dns_lookup_mode":"API_INGRESS","ingress_prefix":"i","single_tier_topology":true,"infrastructure_networks":["30.0.0.0/24"],"failover_mode":"PREEMPTIVE",
				"cni_configurations":{"type":"nsxt","parameters":{"nsx_lb":true}},"service_cidr":"10.100.0.0/16"}}`},
			{"/v1/network-profiles", `{"name":"new","parameters":{"pod_cidr":"10.200.0.0/16"}}`},
		},
		"POST /v1/compute-profiles": {{"/v1/compute-profiles", `{"name":"new","description":"d","parameters":{"azs":[{"name":"z","cpi":"c","cloud_properties":{"a":1}}],"cluster_customization":{
			"control_plane":{` + sized + `,"instances":3},"node_pools":[{"name":"p","description":"d",` + sized + `,"instances":1,"max_worker_instances":2,"node_labels":"a=b","node_taints":"a=b:PreferNoSchedule"}]}}}`}},
		"POST /v1/kubernetes-profiles": {{"/v1/kubernetes-profiles", `{"name":"new","description":"d","customizations":` + fmt.Sprintf(customizations, quoted(certificate)) + `,
			"experimental_customizations":[{"component":"kube-apiserver","arguments":{"v":"2"},"file-arguments":{"audit-policy-file":"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]"}}]}`}},
		"POST /v1/quotas":          {{"/v1/quotas", `{"owner":"new","limit":{"cpu":1,"memory":1,"cluster":1}}`}},
		"PATCH /v1/quotas/{owner}": {{"/v1/quotas/cody", `{"owner":"cody","limit":{"cpu":1,"memory":1,"cluster":1}}`}},
	}
}

// samplesWorld is one in which the samples are accepted.
func samplesWorld(t testing.TB) *world {
	const pools = `{"cluster_customization":{"node_pools":[{"name":"tiny","instances":1}]}}`
	w := newWorld(t).with("demo", alana, func(c *pks.Cluster) {
		c.Spec.NetworkProfile = &pks.Profile{Name: "np", Parameters: json.RawMessage(`{"lb_size":"small"}`)}
	}).with("pooled", alana, func(c *pks.Cluster) {
		c.Spec.ComputeProfile = &pks.Profile{Name: "pools", Parameters: json.RawMessage(pools)}
	})
	w.offering(pks.NetworkProfiles, "np", alana, `{"lb_size":"small"}`).offering(pks.NetworkProfiles, "dns", alana, `{"nodes_dns":["8.8.8.8"]}`).
		offering(pks.ComputeProfiles, "masters", alana, `{"cluster_customization":{"control_plane":{"instances":1}}}`).
		offering(pks.ComputeProfiles, "pools", alana, pools).offering(pks.KubernetesProfiles, "kp", alana, portsOnly)
	w.quotas["cody"] = pks.Quota{Owner: "cody", Limit: pks.Limit{CPU: new(5)}}
	return w
}

// member is one place in a request's body.
type member struct {
	path     []string // "[]" for the first entry of a list
	schema   *openapi3.Schema
	required bool
}

func (m member) String() string { return strings.Join(m.path, ".") }

// name is the member's own, without lists.
func (m member) name() string {
	for _, part := range slices.Backward(m.path) {
		if part != "[]" {
			return part
		}
	}
	return ""
}

func (m member) is(kind string) bool { return m.schema.Type != nil && m.schema.Type.Includes(kind) }

// membersOf walks a schema: every member that it names, entries of lists too.
func membersOf(at []string, schema *openapi3.Schema) []member {
	if len(schema.OneOf) > 0 {
		schema = schema.OneOf[0].Value
	}
	var found []member
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		path := append(slices.Clone(at), name)
		inner := schema.Properties[name].Value
		found = append(found, member{path, inner, slices.Contains(schema.Required, name)})
		found = append(found, membersOf(path, inner)...)
	}
	if schema.Items != nil {
		path := append(slices.Clone(at), "[]")
		found = append(found, member{path: path, schema: schema.Items.Value})
		found = append(found, membersOf(path, schema.Items.Value)...)
	}
	return found
}

// place is the value at a path of a body, and how to put another there.
func place(body any, path []string) (value any, set func(any), remove func(), found bool) {
	var holder any
	value, set, remove = body, func(any) {}, func() {}
	for _, part := range path {
		holder = value
		switch h := holder.(type) {
		case map[string]any:
			if value, found = h[part]; !found {
				return nil, nil, nil, false
			}
			set, remove = func(v any) { h[part] = v }, func() { delete(h, part) }
		case []any:
			if part != "[]" || len(h) == 0 {
				return nil, nil, nil, false
			}
			value = h[0]
			set, remove = func(v any) { h[0] = v }, func() {}
		default:
			return nil, nil, nil, false
		}
	}
	return value, set, remove, true
}

// otherKind is a value of a kind that the member does not take.
func (m member) otherKind() any {
	switch {
	case m.is("object"):
		return []any{7}
	default:
		return map[string]any{"x": 7}
	}
}

// Every member of every request body, as the OpenAPI document has them, is held
// against its rules: null, missing, of another kind, too long, out of range. A
// member that is new needs a sample that has it.
func TestEveryMemberOfEveryBodyIsHeldAgainstItsRules(t *testing.T) {
	t.Parallel()
	raw, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	document, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	given := samples(t)
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.RequestBody == nil {
				continue
			}
			route := method + " " + path
			of := given[route]
			delete(given, route)
			if len(of) == 0 {
				t.Errorf("%s: there is no sample of its body", route)
				continue
			}
			t.Run(route, func(t *testing.T) {
				t.Parallel()
				for _, s := range of {
					if got := samplesWorld(t).send(request{method: method, path: s.path, token: "admin", body: s.body}); got.status >= 300 {
						t.Fatalf("the sample is refused: %d %s\n%s", got.status, got.body, s.body)
					}
				}
				schema := operation.RequestBody.Value.Content["application/json"].Schema.Value
				for _, m := range membersOf(nil, schema) {
					i := slices.IndexFunc(of, func(s sample) bool { _, _, _, found := place(parsed(t, s.body), m.path); return found })
					if i < 0 {
						t.Errorf("no sample has %s", m)
						continue
					}
					checkMember(t, method, of[i], m)
				}
			})
		}
	}
	for route := range given {
		t.Errorf("%s has no body by the OpenAPI document", route)
	}
}

func parsed(t *testing.T, body string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return value
}

// checkMember sends the sample with the member changed in every way.
func checkMember(t *testing.T, method string, s sample, m member) {
	t.Helper()
	const missing = "missing"
	type change struct {
		how     string
		value   any
		refused bool
	}
	changes := []change{{"another kind", m.otherKind(), true}, {"null", nil, m.required}, {missing, nil, m.required}}
	original, _, _, _ := place(parsed(t, s.body), m.path)
	switch original.(type) {
	case string:
		changes = append(changes, change{"too long", strings.Repeat("x", 70_000), true})
	case float64:
		changes = append(changes, change{"too large", 1 << 40, true}, change{"negative", -7, true}, change{"a fraction", 1.5, m.name() != "memory"}, change{"words", "many", true})
	case bool:
		changes = append(changes, change{"words", "perhaps", true}, change{"a number", 7, true})
	case []any, map[string]any:
		changes = append(changes, change{"text", "words", true}, change{"a number", 7, true})
	}
	for _, c := range changes {
		body := parsed(t, s.body)
		_, set, remove, _ := place(body, m.path)
		if c.how == missing {
			remove()
		} else {
			set(c.value)
		}
		w := samplesWorld(t)
		before := w.changes
		got := w.send(request{method: method, path: s.path, token: "admin", body: marshal(t, body), header: beyond()})
		switch {
		case got.status == http.StatusBadRequest:
			noun, _, _ := strings.Cut(m.name(), "_name") // "plan huge not found"
			if text := strings.ToLower(problemBody(t, got)); !strings.Contains(text, noun) && c.refused {
				t.Errorf("%s %s: the refusal does not name it: %s", m, c.how, text)
			}
			if w.changes != before {
				t.Errorf("%s %s is refused and changes something", m, c.how)
			}
		case got.status == http.StatusNotFound && (m.name() == "clusters" || m.name() == "canaries"): // which they name
		case got.status >= 300:
			t.Errorf("%s %s: %d %.300s", m, c.how, got.status, got.body)
		case c.refused:
			t.Errorf("%s %s is accepted", m, c.how)
		}
	}
}
