package broker

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	"gopkg.in/yaml.v3"
)

// schemaProperty of a plan is the schema that the fake adapter answers with.
const schemaProperty = "schema"

// What these properties of a plan hold, the fake adapter gives along with its
// manifest.
const (
	secretsProperty = "adapter_secrets"
	configsProperty = "adapter_configs"
)

// TestMain makes this test binary a service adapter when it is called like one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "generate-manifest", "create-binding", "delete-binding", "dashboard-url", "generate-plan-schemas":
			os.Exit(runFakeAdapter(os.Args[1]))
		case sdkAdapter:
			runSDKAdapter(os.Args[1:])
			os.Exit(0)
		}
	}
	// The race detector would let each adapter linger for a second at its end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func runFakeAdapter(subcommand string) int {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 1
	}
	var in serviceadapter.InputParams
	if err := json.Unmarshal(text, &in); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	answer := func(v any) int {
		if json.NewEncoder(os.Stdout).Encode(v) != nil {
			return 1
		}
		return 0
	}
	switch subcommand {
	case "generate-manifest":
		return answer(fakeManifest(in.GenerateManifest))
	case "create-binding":
		return answer(map[string]any{"credentials": map[string]any{
			"vms": json.RawMessage(in.CreateBinding.BoshVms), "request": json.RawMessage(in.CreateBinding.RequestParameters),
		}})
	case "delete-binding":
		return 0
	case "generate-plan-schemas":
		var plan serviceadapter.Plan
		if json.Unmarshal([]byte(in.GeneratePlanSchemas.Plan), &plan) != nil || plan.Properties[schemaProperty] == nil {
			return serviceadapter.NotImplementedExitCode
		}
		schema := map[string]any{"parameters": plan.Properties[schemaProperty]}
		return answer(map[string]any{
			"service_instance": map[string]any{"create": schema, "update": schema}, "service_binding": map[string]any{"create": schema},
		})
	}
	return serviceadapter.NotImplementedExitCode
}

// fakeManifest keeps the parameters of the request in the manifest, and takes them
// from the previous manifest when the request has none, as an adapter must.
func fakeManifest(in serviceadapter.GenerateManifestJSONParams) map[string]any {
	var deployment struct {
		Name      string                    `json:"deployment_name"`
		Releases  []map[string]any          `json:"releases"`
		Stemcells []serviceadapter.Stemcell `json:"stemcells"`
	}
	var request struct {
		Parameters json.RawMessage `json:"parameters"`
	}
	if json.Unmarshal([]byte(in.ServiceDeployment), &deployment) != nil || json.Unmarshal([]byte(in.RequestParameters), &request) != nil {
		os.Exit(1)
	}
	parameters := string(request.Parameters)
	if parameters == "" || parameters == "{}" {
		var old struct{ Parameters string }
		_ = json.Unmarshal([]byte(in.PreviousManifest), &old)
		parameters = old.Parameters
	}
	var plan serviceadapter.Plan
	if json.Unmarshal([]byte(in.Plan), &plan) == nil {
		if body, ok := plan.Properties[bodyProperty].(string); ok {
			if parameters == "" {
				parameters = previousParameters(in.PreviousManifest)
			}
			fill := strings.NewReplacer("NAME", deployment.Name, "PARAMETERS", parameters, "CLIENT", in.ServiceInstanceUAAClient)
			configs := map[string]any{}
			if given, ok := plan.Properties[configsProperty].(map[string]any); ok {
				for kind, content := range given {
					configs[kind] = fill.Replace(fmt.Sprint(content))
				}
			}
			return map[string]any{"manifest": fill.Replace(body), "secrets": plan.Properties[secretsProperty], "configs": configs}
		}
	}
	for _, release := range deployment.Releases {
		delete(release, "jobs")
	}
	var stemcells []any
	for _, stemcell := range deployment.Stemcells {
		stemcells = append(stemcells, map[string]any{"alias": "default", "os": stemcell.OS, "version": stemcell.Version})
	}
	manifest, _ := json.Marshal(map[string]any{
		"name": deployment.Name, "parameters": parameters, "releases": deployment.Releases, "stemcells": stemcells,
		"instance_groups": []any{map[string]any{"name": "worker", "instances": 3, "vm_type": "small", "stemcell": "default"}},
	}) // JSON is YAML
	return map[string]any{"manifest": string(manifest), "secrets": map[string]any{}, "configs": map[string]any{}}
}

func previousParameters(manifest string) string {
	var m struct {
		Tags struct{ Parameters string }
	}
	_ = yaml.Unmarshal([]byte(manifest), &m)
	return m.Tags.Parameters
}
