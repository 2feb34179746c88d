package adapter_test

import (
	"bytes"
	"context"
	_ "embed" // the authority of testdata/custom-ca
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	yaml "gopkg.in/yaml.v2"

	"github.com/pks-community/pks-release/src/adapter"
	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	deploymentName = "service-instance_88d3a538-0000-4c16-8e86-2d691c28dc75"
	serviceID      = "9d7a1c52-0000-4b7e-9c4c-3f3d0f3b5a10"
)

// object is a piece of JSON.
type object = map[string]any

// call is one generate-manifest call under construction.
type call struct {
	deployment string
	releases   []catalog.Release
	stemcellOS string // empty: there is no stemcell
	properties object
	groups     []serviceadapter.InstanceGroup
	errands    serviceadapter.LifecycleErrands
	update     *serviceadapter.Update
	parameters object // nil: none are sent
	previous   string
}

func allReleases() []catalog.Release {
	return slices.Concat(cfcr.Releases(), cfcr.Optional(), cfcr.NSX())
}

// smallest is the least that makes a cluster.
func smallest() call {
	return call{
		deployment: deploymentName,
		releases:   allReleases(),
		stemcellOS: "ubuntu-xenial",
		properties: object{},
		groups: []serviceadapter.InstanceGroup{
			{Name: "master", VMType: "small", Instances: 1, Networks: []string{"default"}, AZs: []string{"z1"}, PersistentDiskType: "10GB"},
			{Name: "worker", VMType: "medium", Instances: 2, Networks: []string{"default"}, AZs: []string{"z1"}},
			{Name: "apply-addons", VMType: "micro", Instances: 1, Networks: []string{"default"}, AZs: []string{"z1"}, Lifecycle: "errand"},
		},
		errands: serviceadapter.LifecycleErrands{PostDeploy: []serviceadapter.Errand{{Name: "apply-addons"}}},
		parameters: object{
			"cluster_name": "demo", "kubernetes_master_host": "demo.example.com",
			"kubernetes_master_port": 8443, "kubernetes_worker_instances": 3,
		},
	}
}

// with changes plan properties and request parameters; a nil value removes one.
func (c call) with(properties, parameters object) call {
	c.properties, c.parameters = overlay(c.properties, properties), overlay(c.parameters, parameters)
	return c
}

func overlay(base, more object) object {
	out := object{}
	for _, m := range []object{base, more} {
		for k, v := range m {
			if v == nil {
				delete(out, k)
			} else {
				out[k] = v
			}
		}
	}
	return out
}

// group changes one group of the plan.
func (c call) group(name string, change func(*serviceadapter.InstanceGroup)) call {
	c.groups = slices.Clone(c.groups)
	for i := range c.groups {
		if c.groups[i].Name == name {
			change(&c.groups[i])
		}
	}
	return c
}

func (c call) threeAZs() call {
	zones := []string{"z1", "z2", "z3"}
	for _, name := range []string{"master", "worker"} {
		c = c.group(name, func(g *serviceadapter.InstanceGroup) { g.AZs = zones })
	}
	return c.group("master", func(g *serviceadapter.InstanceGroup) { g.Instances = 3 })
}

func (c call) after(manifest string) call {
	c.previous = manifest
	return c
}

// params are what the SDK hands to the generator.
func (c call) params(t testing.TB) serviceadapter.GenerateManifestParams {
	t.Helper()
	in := serviceadapter.GenerateManifestParams{
		ServiceDeployment: serviceadapter.ServiceDeployment{
			DeploymentName: c.deployment,
		},
		Plan: serviceadapter.Plan{
			Properties: viaJSON(t, c.properties), LifecycleErrands: c.errands, InstanceGroups: c.groups, Update: c.update,
		},
		RequestParams: serviceadapter.RequestParameters{"service_id": serviceID, "plan_id": "p"},
	}
	if c.stemcellOS != "" {
		in.ServiceDeployment.Stemcells = []serviceadapter.Stemcell{{OS: c.stemcellOS, Version: "621.76"}}
	}
	for _, r := range c.releases {
		in.ServiceDeployment.Releases = append(in.ServiceDeployment.Releases, serviceadapter.ServiceRelease{Name: r.Name, Version: r.Version, Jobs: r.JobNames()})
	}
	if c.parameters != nil {
		in.RequestParams["parameters"] = map[string]any(viaJSON(t, c.parameters))
	}
	if c.previous != "" {
		m := parse(t, c.previous)
		in.PreviousManifest = &m
	}
	return in
}

func viaJSON(t testing.TB, o object) object {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func parse(t testing.TB, manifest string) bosh.BoshManifest {
	t.Helper()
	var m bosh.BoshManifest
	if err := yaml.UnmarshalStrict([]byte(manifest), &m); err != nil {
		t.Fatalf("the manifest is not what the broker's types hold: %v", err)
	}
	return m
}

// stdin is the document that a broker sends.
func (c call) stdin(t testing.TB) string {
	t.Helper()
	in := c.params(t)
	text := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	return text(object{"generate_manifest": object{
		"service_deployment": text(in.ServiceDeployment), "plan": text(in.Plan), "previous_plan": "null",
		"previous_manifest": c.previous, "request_parameters": text(in.RequestParams),
		"previous_secrets": "null", "previous_configs": "null", "uaa_client": "null",
	}})
}

// answer is what generate-manifest prints.
type answer struct {
	Manifest string            `json:"manifest"`
	Secrets  object            `json:"secrets"`
	Configs  map[string]string `json:"configs"`
}

// run is the whole way: program, SDK, generator.
func (c call) run(t testing.TB) answer {
	t.Helper()
	code, stdout, stderr := execute(t, c.stdin(t), "generate-manifest")
	if code != 0 {
		t.Fatalf("exit code %d: %s\n%s", code, stdout, stderr)
	}
	var a answer
	if err := json.Unmarshal([]byte(stdout), &a); err != nil {
		t.Fatalf("stdout is not JSON: %v: %s", err, stdout)
	}
	return a
}

func execute(t testing.TB, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	code = adapter.Run(t.Context(), adapter.Build{Version: "1.2.3", Commit: "abc"}, append([]string{"pks-service-adapter"}, args...), strings.NewReader(stdin), &out, &log)
	return code, out.String(), log.String()
}

func executeIn(ctx context.Context, stdin string, args ...string) (code int, stdout string) {
	var out, log bytes.Buffer
	code = adapter.Run(ctx, adapter.Build{Version: "1.2.3", Commit: "abc"}, append([]string{"pks-service-adapter"}, args...), strings.NewReader(stdin), &out, &log)
	return code, out.String()
}

// refusal is the failure that a call must end with.
func (c call) refusal(t testing.TB) *pks.Failure {
	t.Helper()
	_, err := adapter.Generate(c.params(t))
	failure, ok := errors.AsType[*pks.Failure](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	return failure
}

// An authority that users could bring along: valid for a hundred years, and used
// in these tests alone.
var (
	//go:embed testdata/custom-ca/certificate.pem
	customCertificate string
	//go:embed testdata/custom-ca/key.pem
	customKey string
)

func customCA() object { return object{"certificate": customCertificate, "private_key": customKey} }

// certificatePEM is for settings that nobody reads before the machines do.
func certificatePEM() string {
	return "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
}

func yamlText(m bosh.BoshManifest) (string, error) {
	raw, err := yaml.Marshal(m)
	return string(raw), err
}
