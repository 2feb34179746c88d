package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// sdkAdapter makes this test binary a service adapter that is built with the public
// SDK and nothing of this module.
const sdkAdapter = "sdk-adapter"

func runSDKAdapter(args []string) {
	serviceadapter.HandleCLI(args, serviceadapter.CommandLineHandler{
		ManifestGenerator: sdkService{}, Binder: sdkService{}, DashboardURLGenerator: sdkService{}, SchemaGenerator: sdkService{},
	})
}

type sdkService struct{}

// GenerateManifest keeps the parameters "nodes" and "tier", each as it was unless
// the request names it.
func (sdkService) GenerateManifest(p serviceadapter.GenerateManifestParams) (serviceadapter.GenerateManifestOutput, error) {
	tags := map[string]any{"tier": "gold"}
	nodes := p.Plan.InstanceGroups[0].Instances
	if p.PreviousManifest != nil {
		tags, nodes = p.PreviousManifest.Tags, p.PreviousManifest.InstanceGroups[0].Instances
	}
	given := p.RequestParams.ArbitraryParams()
	if tier, ok := given["tier"].(string); ok {
		tags["tier"] = tier
	}
	if n, ok := given["nodes"].(float64); ok {
		nodes = int(n)
	}
	if p.PreviousPlan != nil && p.PreviousManifest == nil {
		return serviceadapter.GenerateManifestOutput{}, errors.New("a plan without a manifest")
	}
	group := p.Plan.InstanceGroups[0]
	return serviceadapter.GenerateManifestOutput{Manifest: bosh.BoshManifest{
		Name:     p.ServiceDeployment.DeploymentName,
		Releases: []bosh.Release{{Name: p.ServiceDeployment.Releases[0].Name, Version: p.ServiceDeployment.Releases[0].Version}},
		Stemcells: []bosh.Stemcell{{
			Alias: "default", OS: p.ServiceDeployment.Stemcells[0].OS, Version: p.ServiceDeployment.Stemcells[0].Version,
		}},
		InstanceGroups: []bosh.InstanceGroup{{
			Name: group.Name, Instances: nodes, VMType: group.VMType, Stemcell: "default", AZs: group.AZs,
			Networks: []bosh.Network{{Name: group.Networks[0]}},
		}},
		Update: &bosh.Update{Canaries: 1, CanaryWatchTime: "1-2", UpdateWatchTime: "1-2", MaxInFlight: 1},
		Tags:   tags,
	}}, nil
}

func (sdkService) CreateBinding(p serviceadapter.CreateBindingParams) (serviceadapter.Binding, error) {
	if p.BindingID == "taken" {
		return serviceadapter.Binding{}, serviceadapter.NewBindingAlreadyExistsError(nil)
	}
	return serviceadapter.Binding{Credentials: map[string]any{
		"workers": p.DeploymentTopology["worker"], "tier": p.Manifest.Tags["tier"],
		"user": p.RequestParams.ArbitraryParams()["user"], "platform": p.RequestParams.Platform(),
	}}, nil
}

func (sdkService) DeleteBinding(p serviceadapter.DeleteBindingParams) error {
	if p.BindingID == "gone" {
		return serviceadapter.NewBindingNotFoundError(nil)
	}
	return nil
}

//lint:ignore ST1003 the name of the SDK's interface
func (sdkService) DashboardUrl(p serviceadapter.DashboardUrlParams) (serviceadapter.DashboardUrl, error) {
	if p.Manifest.Tags["tier"] == "broken" {
		return serviceadapter.DashboardUrl{}, errors.New("no dashboard today")
	}
	return serviceadapter.DashboardUrl{DashboardUrl: fmt.Sprintf("https://%s.example.com/%v", p.InstanceID, p.Manifest.Tags["tier"])}, nil
}

func (sdkService) GeneratePlanSchema(serviceadapter.GeneratePlanSchemaParams) (serviceadapter.PlanSchema, error) {
	object := func(properties map[string]any) serviceadapter.JSONSchemas {
		return serviceadapter.JSONSchemas{Parameters: map[string]any{
			"$schema": draft04, "type": "object", "additionalProperties": false, "properties": properties,
		}}
	}
	text, number := map[string]any{"type": "string"}, map[string]any{"type": "integer", "minimum": 1}
	return serviceadapter.PlanSchema{
		ServiceInstance: serviceadapter.ServiceInstanceSchema{
			Create: object(map[string]any{"nodes": number, "tier": text}), Update: object(map[string]any{"nodes": number}),
		},
		ServiceBinding: serviceadapter.ServiceBindingSchema{Create: object(map[string]any{"user": text})},
	}, nil
}

// bySDK makes the adapter the one above.
func bySDK(t *testing.T, stdin bool) func(*config.Config) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := scripted(t, fmt.Sprintf(`exec %q %s "$@"`, program, sdkAdapter))
	return func(c *config.Config) {
		run(c)
		c.Broker.UseStdin = stdin
		c.Broker.EnablePlanSchemas = true
	}
}

// TestAdapterOfThePublicSDKWorksUnmodified leads one instance through its life with
// an adapter of another make, in both forms of calling it.
func TestAdapterOfThePublicSDKWorksUnmodified(t *testing.T) {
	t.Parallel()
	for name, stdin := range map[string]bool{"standard input": true, "positional arguments": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, bySDK(t, stdin))
			for path, body := range map[string]string{
				`schema of creations`: h.provision("i1", testPlan, `{"colour":"red"}`).Body,
				`catalog`:             h.send("GET", "/v2/catalog", "").Body,
			} {
				if want := map[string]string{"schema of creations": "colour", "catalog": `"service_binding":{"create":{"parameters":`}[path]; !strings.Contains(body, want) {
					t.Errorf("%s: %s", path, body)
				}
			}
			made := h.provision("i1", testPlan, `{"nodes":2,"tier":"silver"}`)
			op := h.accepted(made)
			wantMember(t, made, "dashboard_url", "https://i1.example.com/silver")
			h.director.finish(taskOf(t, op), director.Done)
			h.tick()
			h.want(h.lastOperation("i1", op), 200, completed)
			h.want(h.provision("i1", testPlan, `{"nodes":2,"tier":"silver"}`), 200, `{"dashboard_url":"https://i1.example.com/silver"}`)

			if got := h.update("i1", testPlan, `{"tier":"lead"}`); got.Status != 400 || !strings.Contains(got.Body, "tier") {
				t.Errorf("update against its schema: %d %s", got.Status, got.Body)
			}
			changed := h.update("i1", testPlan, `{"nodes":5}`)
			op = h.accepted(changed)
			wantMember(t, changed, "dashboard_url", "https://i1.example.com/silver")
			h.director.finish(taskOf(t, op), director.Done)
			h.tick()
			if got := h.director.deployed("service-instance_i1"); !strings.Contains(got, "instances: 5") || !strings.Contains(got, "tier: silver") {
				t.Errorf("after the update: %s", got)
			}
			h.want(h.process("upgrade", "i1", testPlan), 204, "")

			h.director.mu.Lock()
			h.director.vms["service-instance_i1"] = `[{"job":"worker","index":0,"ips":["10.0.0.3"],"active":true}]`
			h.director.mu.Unlock()
			bind := func(id, parameters string) answer {
				return h.send("PUT", instancePath("i1")+"/service_bindings/"+id,
					`{"service_id":"service-1","plan_id":"plan-1","context":{"platform":"pks"},"parameters":`+parameters+`}`)
			}
			unbind := func(id string) answer {
				return h.send("DELETE", instancePath("i1")+"/service_bindings/"+id+"?service_id=service-1&plan_id=plan-1", "")
			}
			h.want(bind("b1", `{"user":"u1"}`), 201, `{"credentials":{"platform":"pks","tier":"silver","user":"u1","workers":["10.0.0.3"]}}`)
			if got := bind("b1", `{"user":7}`); got.Status != 400 || !strings.Contains(got.Body, "user") {
				t.Errorf("binding against its schema: %d %s", got.Status, got.Body)
			}
			h.want(bind("taken", `{}`), 409, `{"description":"binding already exists"}`)
			h.want(unbind("b1"), 200, `{}`)
			h.want(unbind("gone"), 410, `{}`)

			op = h.accepted(h.deprovision("i1", testPlan))
			h.director.finish(taskOf(t, op), director.Done)
			h.tick()
			h.want(h.deprovision("i1", testPlan), 410, `{}`)
		})
	}
}

func wantMember(t *testing.T, a answer, name, want string) {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || body[name] != want {
		t.Errorf("%s is not %s in %s", name, want, a.Body)
	}
}

// In the original a creation failed although its deployment had begun.
func TestCreationGoesOnWithoutItsDashboard(t *testing.T) {
	t.Parallel()
	h := newHarness(t, bySDK(t, true))
	got := h.provision("i1", testPlan, `{"tier":"broken"}`)
	h.accepted(got)
	if strings.Contains(got.Body, "dashboard") || !strings.Contains(h.log.String(), "no dashboard today") {
		t.Errorf("%s", got.Body)
	}
}

func TestLabelsReachThePlatform(t *testing.T) {
	t.Parallel()
	h := newHarness(t, scripted(t, `cat >/dev/null; [ "$1" = generate-manifest ] || exit 10
echo '{"manifest":"name: service-instance_i1","labels":{"tier":"gold"}}'`), func(c *config.Config) { c.Broker.SkipPendingChangesCheck = true })
	for _, send := range []func() answer{
		func() answer { return h.provision("i1", testPlan, `{}`) },
		func() answer { return h.update("i1", testPlan, `{"a":1}`) },
	} {
		got := send()
		var body struct {
			Metadata struct{ Labels map[string]any }
		}
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"tier": "gold"}, body.Metadata.Labels); diff != "" {
			t.Errorf("%s: %s", got.Body, diff)
		}
		h.director.finish(taskOf(t, h.accepted(got)), director.Done)
		h.tick()
	}
}
