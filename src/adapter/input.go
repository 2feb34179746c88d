package adapter

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	yaml "gopkg.in/yaml.v2" // as the SDK reads manifests
)

const (
	// maxInput bounds what is read from stdin, in bytes. A manifest of a hundred
	// node pools has less than a tenth of it.
	maxInput = 16 << 20
	// maxManifest bounds a previous manifest, in bytes.
	maxManifest = 4 << 20
)

// input is the document on stdin, bounded and checked; with positional arguments
// there is none.
func (s *session) input(stdin io.Reader) (io.Reader, error) {
	if len(s.args) > 2 {
		return s.positional()
	}
	raw, err := io.ReadAll(io.LimitReader(stdin, maxInput+1))
	if err != nil {
		return nil, refuse("stdin cannot be read.").WithRemedy("Start the adapter with the JSON document of the contract on stdin.").WithCause(err)
	}
	if len(raw) > maxInput {
		return nil, refuse("stdin holds more than %d MiB.", maxInput>>20).WithRemedy("Look at the previous manifest and the plan: one of them is too big.")
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, refuse("stdin is empty.").WithRemedy("Set broker.use_stdin to true in the broker's configuration.")
	}
	return bytes.NewReader(raw), s.checkDocument(raw)
}

// checkDocument finds fault with the parts of the document by their names, which
// the SDK's own errors do not tell the asker.
func (s *session) checkDocument(raw []byte) error {
	var document serviceadapter.InputParams
	if err := json.Unmarshal(raw, &document); err != nil {
		return refuse("stdin is not the JSON document of the service adapter contract.").
			WithRemedy("Use a broker that speaks on-demand-services-sdk 0.48: %s.", oneLine(err.Error())).WithCause(err)
	}
	switch s.args[1] {
	case cmdGenerate:
		g := document.GenerateManifest
		return firstError(
			checkManifestText("generate_manifest.previous_manifest", g.PreviousManifest, true),
			checkDeployment("generate_manifest.service_deployment", g.ServiceDeployment),
			checkPlan("generate_manifest.plan", g.Plan),
			checkJSON("generate_manifest.request_parameters", g.RequestParameters),
			checkRequest("generate_manifest.request_parameters", g.RequestParameters),
			checkJSON("generate_manifest.previous_plan", or(g.PreviousPlan, "null")),
		)
	case cmdCreateBinding:
		b := document.CreateBinding
		return firstError(checkManifestText("create_binding.manifest", b.Manifest, false),
			checkJSON("create_binding.bosh_vms", b.BoshVms), checkRequest("create_binding.request_parameters", b.RequestParameters))
	case cmdDeleteBinding:
		b := document.DeleteBinding
		return firstError(checkManifestText("delete_binding.manifest", b.Manifest, false),
			checkJSON("delete_binding.bosh_vms", b.BoshVms), checkRequest("delete_binding.request_parameters", b.RequestParameters))
	case cmdDashboard:
		return firstError(checkManifestText("dashboard_url.manifest", document.DashboardUrl.Manifest, false),
			checkJSON("dashboard_url.plan", document.DashboardUrl.Plan))
	default:
		return checkPlan("generate_plan_schemas.plan", document.GeneratePlanSchemas.Plan)
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func oneLine(text string) string {
	return strings.TrimRight(strings.Join(strings.Fields(text), " "), ".")
}

func checkManifestText(field, text string, mayBeEmpty bool) error {
	if text == "" {
		if mayBeEmpty {
			return nil
		}
		return refuse("%s is empty.", field).WithRemedy("The deployment does not exist, or the broker did not send its manifest.")
	}
	if len(text) > maxManifest {
		return refuse("%s has %d bytes; at most %d are read.", field, len(text), maxManifest).WithRemedy("Remove what is not needed from the deployment's add-ons.")
	}
	var manifest bosh.BoshManifest
	if err := yaml.Unmarshal([]byte(text), &manifest); err != nil {
		return refuse("%s is not the YAML of a BOSH manifest.", field).
			WithRemedy("Compare it with 'bosh manifest': %s.", oneLine(err.Error())).WithCause(err)
	}
	if !mayBeEmpty && manifest.Name == "" {
		return refuse("%s has no name.", field).WithRemedy("Compare it with 'bosh manifest'.")
	}
	return nil
}

func checkJSON(field, text string) error {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		if text == "" {
			return refuse("%s is empty.", field).WithRemedy("The broker must send it as a text of JSON.")
		}
		return refuse("%s is not JSON.", field).WithRemedy("The broker must send it as a text of JSON: %s.", oneLine(err.Error())).WithCause(err)
	}
	return nil
}

// checkRequest refuses what the SDK's helpers would panic on.
func checkRequest(field, text string) error {
	var request map[string]any
	if err := json.Unmarshal([]byte(text), &request); err != nil {
		return refuse("%s is not a JSON object.", field).WithRemedy("Send {} or the body of the OSB request.").WithCause(err)
	}
	for _, member := range []string{"parameters", "context"} {
		switch request[member].(type) {
		case nil, map[string]any:
		default:
			return refuse("%s.%s is not an object.", field, member).WithRemedy("Send an object, or leave it out.")
		}
	}
	return nil
}

// checkDeployment and checkPlan say in the adapter's own words what the SDK would
// say in those of its validator.
func checkDeployment(field, text string) error {
	var d serviceadapter.ServiceDeployment
	if err := checkForm(field, text, &d); err != nil {
		return err
	}
	if d.DeploymentName == "" {
		return refuse("%s.deployment_name is missing.", field).WithRemedy("The broker must name the deployment.")
	}
	if len(d.Releases) == 0 {
		return refuse("%s.releases is empty.", field).WithRemedy("List the releases with their jobs under service_deployment in the broker's configuration.")
	}
	_, err := newSoftware(d)
	return err
}

func checkPlan(field, text string) error {
	var p serviceadapter.Plan
	if err := checkForm(field, text, &p); err != nil {
		return err
	}
	_, err := newPlan(p)
	return err
}

func checkForm(field, text string, into any) error {
	if err := checkJSON(field, text); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return refuse("%s is not of the form that the contract says.", field).WithRemedy("Compare it with the broker's configuration: %s.", oneLine(err.Error())).WithCause(err)
	}
	return nil
}
