package adapter_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/adapter"
)

// compile makes a checker of the schema that the program prints for the plan.
func compile(t *testing.T, c call, kind string) *jsonschema.Schema {
	t.Helper()
	plan, err := json.Marshal(c.params(t).Plan)
	if err != nil {
		t.Fatal(err)
	}
	document, _ := json.Marshal(object{"generate_plan_schemas": object{"plan": string(plan)}})
	code, stdout, stderr := execute(t, string(document), "generate-plan-schemas")
	if code != 0 {
		t.Fatalf("exit code %d: %s\n%s", code, stdout, stderr)
	}
	var schemas serviceadapter.PlanSchema
	if err := json.Unmarshal([]byte(stdout), &schemas); err != nil {
		t.Fatal(err)
	}
	parameters := map[string]any{
		"create": schemas.ServiceInstance.Create.Parameters, "update": schemas.ServiceInstance.Update.Parameters, "bind": schemas.ServiceBinding.Create.Parameters,
	}[kind]
	if version := parameters.(map[string]any)["$schema"]; version != "http://json-schema.org/draft-04/schema#" {
		t.Fatalf("$schema is %v", version)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("parameters.json", parameters); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("parameters.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaAcceptsWhatTheAdapterAccepts(t *testing.T) {
	t.Parallel()
	for name, c := range golden() {
		for _, kind := range []string{"create", "update"} {
			if err := compile(t, c, kind).Validate(map[string]any(viaJSON(t, c.parameters))); err != nil {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
	schema := compile(t, smallest(), "create")
	rapid.Check(t, func(rt *rapid.T) {
		spec := viaJSON(t, anySpec().Draw(rt, "spec"))
		if err := schema.Validate(map[string]any(spec)); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestSchemaRefusesWhatTheAdapterRefuses: the shape of parameters can be judged
// before BOSH is asked.
func TestSchemaRefusesWhatTheAdapterRefuses(t *testing.T) {
	t.Parallel()
	c := smallest().with(object{"max_worker_instances": 5}, nil)
	schema := compile(t, c, "create")
	bad := map[string]object{
		"unknown":         {"kubernetes_worker_instance": 3},
		"too many":        {"kubernetes_worker_instances": 6},
		"negative":        {"kubernetes_worker_instances": -1},
		"not a number":    {"kubernetes_worker_instances": "three"},
		"no host":         {"kubernetes_master_host": nil},
		"bad name":        {"cluster_name": "a b"},
		"port":            {"kubernetes_master_port": 70000},
		"drain":           {"kubelet_drain": object{"timeout_minutes": 1441}},
		"unknown drain":   {"kubelet_drain": object{"timeout": 1}},
		"tag":             {"cluster_tags": []object{{"value": "x"}}},
		"own ca":          {"custom_ca": object{"certificate": customCertificate}},
		"ca":              {"custom_ca_certs": []object{{"domain_name": "d", "ca_cert": "x"}}},
		"registry":        {"insecure_registries": []string{"a b"}},
		"unset":           {"unset_http_proxy": []string{"docker"}},
		"proxy":           {"proxy": object{"http_proxy": object{"url": "https://x"}}},
		"extensions":      {"vm_extensions": object{"worker": "x"}},
		"profile":         {"compute_profile": object{"parameters": object{}}},
		"pool instances":  {"node_pool_instances": object{"a": 0}},
		"profile is text": {"network_profile": "x"},
		"profile's name":  {"network_profile": object{"name": ""}},
		"in a network":    {"network_profile": object{"name": "n", "parameters": object{"cni_configurations": object{"type": "nsxt", "parameters": object{"ingress": true}}}}},
		"in a pool":       {"compute_profile": object{"name": "c", "parameters": object{"cluster_customization": object{"node_pools": []object{{"name": "a", "instances": "1"}}}}}},
		"in kubernetes":   {"kubernetes_profile": object{"name": "k", "parameters": object{"customizations": []object{{"component": "kubelet", "arguments": object{"a": 1}}}}}},
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		spec := c.with(nil, bad[name])
		if err := schema.Validate(map[string]any(viaJSON(t, spec.parameters))); err == nil {
			t.Errorf("%s: the schema lets it pass", name)
		}
		if _, err := adapter.Generate(spec.params(t)); err == nil {
			t.Errorf("%s: the adapter lets it pass", name)
		}
	}
	bind := compile(t, c, "bind")
	if err := bind.Validate(map[string]any{"user": "a", "cluster_name": "b", "suppress_cluster_role_binding": true}); err != nil {
		t.Error(err)
	}
	if err := bind.Validate(map[string]any{"role": "b"}); err == nil {
		t.Error("bind: an unknown parameter passes")
	}
}

func TestSchemaOfABadPlanIsRefused(t *testing.T) {
	t.Parallel()
	plan, _ := json.Marshal(smallest().with(object{"colour": 1}, nil).params(t).Plan)
	document, _ := json.Marshal(object{"generate_plan_schemas": object{"plan": string(plan)}})
	if code, stdout, _ := execute(t, string(document), "generate-plan-schemas"); code != 1 || stdout == "" {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
}
