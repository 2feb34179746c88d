package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/oauthclient"
)

// ManifestRequest is everything that a manifest is made from (§3.2).
type ManifestRequest struct {
	DeploymentName string
	Deployment     config.ServiceDeployment
	Plan           serviceadapter.Plan
	PreviousPlan   *serviceadapter.Plan

	// RequestParameters is the platform's request; see §3.3 for its shapes.
	RequestParameters json.RawMessage
	PreviousManifest  string            // empty for a new instance
	PreviousSecrets   map[string]string // "((name))" → value
	PreviousConfigs   map[string]string // type → YAML

	UAAClient *oauthclient.Client // nil: the instance has none
}

// Manifest is the adapter's answer.
type Manifest struct {
	Text    string            `json:"manifest"`
	Secrets map[string]any    `json:"secrets"` // name → text or object, to be put into CredHub
	Configs map[string]string `json:"configs"` // type → YAML
	Labels  map[string]any    `json:"labels"`
}

// GenerateManifest asks for the manifest and checks what it can of the answer
// (§3.4): YAML, the right name, exact versions.
func (r *Runner) GenerateManifest(ctx context.Context, q ManifestRequest) (Manifest, error) {
	const subcommand = "generate-manifest"
	var enc encoder
	deployment := enc.json(struct {
		Name string `json:"deployment_name"`
		config.ServiceDeployment
	}{q.DeploymentName, q.Deployment})
	plan, previousPlan := enc.json(q.Plan), enc.json(q.PreviousPlan)
	params := string(q.RequestParameters)
	input := serviceadapter.InputParams{GenerateManifest: serviceadapter.GenerateManifestJSONParams{
		ServiceDeployment: deployment, Plan: plan, PreviousPlan: previousPlan,
		PreviousManifest: q.PreviousManifest, RequestParameters: params,
		PreviousSecrets: enc.json(q.PreviousSecrets), PreviousConfigs: enc.json(q.PreviousConfigs),
		ServiceInstanceUAAClient: enc.json(q.UAAClient),
	}}
	if enc.err != nil {
		return Manifest{}, r.failed(subcommand, enc.err)
	}
	out, err := r.run(ctx, subcommand, input, deployment, plan, params, q.PreviousManifest, previousPlan)
	if err != nil {
		return Manifest{}, err
	}
	manifest := Manifest{Text: string(out)}
	if r.config.Stdin {
		manifest = Manifest{}
		if err := json.Unmarshal(out, &manifest); err != nil {
			return Manifest{}, r.failed(subcommand, fmt.Errorf("decode its answer: %w", err))
		}
	}
	return manifest, r.check(manifest.Text, q.DeploymentName)
}

func (r *Runner) check(text, name string) error {
	wrong := func(format string, args ...any) error {
		return &Error{Operator: fmt.Sprintf("external service adapter at %s generated manifest %s", r.config.Path, fmt.Sprintf(format, args...))}
	}
	type versioned struct {
		Version string `yaml:"version"`
	}
	var m struct {
		Name      string      `yaml:"name"`
		Releases  []versioned `yaml:"releases"`
		Stemcells []versioned `yaml:"stemcells"`
	}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		return wrong("that is not valid YAML: %s", err)
	}
	if m.Name != name {
		return wrong("with an incorrect deployment name. expected name: '%s', returned name: '%s'", name, m.Name)
	}
	for _, v := range append(m.Releases, m.Stemcells...) {
		if strings.HasSuffix(v.Version, "latest") {
			return wrong("with an incorrect version. expected exact version but returned version: '%s'", v.Version)
		}
	}
	return nil
}

// encoder keeps the first error, so that many members can be encoded in a row.
type encoder struct{ err error }

func (e *encoder) json(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil && e.err == nil {
		e.err = fmt.Errorf("encode its input: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
