package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/oauthclient"
	"github.com/pks-community/pks-release/src/broker/runner"
)

// previous is what an instance's deployment is made of now.
type previous struct {
	manifest string            // empty before the first successful deploy
	secrets  map[string]string // of the manifest's variables
	configs  map[string]string // BOSH configs named after the deployment
	client   *oauthclient.Client
	keep     bool // its releases and stemcells stay what they are
}

// previousOf fetches what the adapter wants to know beside the manifest.
func (b *Broker) previousOf(ctx context.Context, deployment, manifest string) (previous, error) {
	p, err := b.previousBare(ctx, deployment, manifest)
	if err != nil || manifest == "" || b.secrets == nil {
		return p, err
	}
	p.secrets, err = b.resolveSecrets(ctx, deployment, manifest)
	return p, err
}

// previousBare leaves the secrets out.
func (b *Broker) previousBare(ctx context.Context, deployment, manifest string) (previous, error) {
	p := previous{manifest: manifest}
	if manifest == "" {
		return p, nil
	}
	if !b.config.Broker.DisableBOSHConfigs {
		configs, err := b.director.Configs(ctx, deployment)
		if err != nil {
			return p, fmt.Errorf("fetch the BOSH configs of %s: %w", deployment, err)
		}
		p.configs = map[string]string{}
		for _, c := range configs {
			p.configs[c.Type] = c.Content
		}
	}
	return p, nil
}

// generate asks the adapter for a manifest and readies it for the Director: the
// placeholders of secrets become paths. Nothing is written yet.
func (b *Broker) generate(ctx context.Context, deployment string, p config.Plan, previousPlan *config.Plan, params json.RawMessage, old previous) (runner.Manifest, error) {
	offered := b.config.ServiceDeployment
	if old.keep {
		var err error
		if offered, err = keptVersions(offered, old.manifest); err != nil {
			return runner.Manifest{}, err
		}
	}
	request := runner.ManifestRequest{
		DeploymentName:    deployment,
		Deployment:        offered,
		Plan:              b.config.ServiceCatalog.ForAdapter(p),
		RequestParameters: params,
		PreviousManifest:  old.manifest,
		PreviousSecrets:   old.secrets,
		PreviousConfigs:   old.configs,
		UAAClient:         old.client,
	}
	if previousPlan != nil {
		given := b.config.ServiceCatalog.ForAdapter(*previousPlan)
		request.PreviousPlan = &given
	}
	m, err := b.adapter.GenerateManifest(ctx, request)
	if err != nil {
		return m, err
	}
	if len(m.Configs) > 0 && b.config.Broker.DisableBOSHConfigs {
		return m, errors.New("adapter returned bosh configs but feature is turned off")
	}
	if b.secrets != nil {
		m.Text = b.placeSecrets(deployment, m)
	}
	return m, nil
}

var secretPlaceholder = regexp.MustCompile(`\(\(` + serviceadapter.ODBSecretPrefix + `:([^()]+)\)\)`)

// placeSecrets replaces ((odb_secret:NAME)), and NAME.KEY for a member of it, by the
// path at which the secret is kept.
func (b *Broker) placeSecrets(deployment string, m runner.Manifest) string {
	return secretPlaceholder.ReplaceAllStringFunc(m.Text, func(found string) string {
		name := secretPlaceholder.FindStringSubmatch(found)[1]
		if _, ok := m.Secrets[name]; !ok {
			whole, _, isMember := strings.Cut(name, ".")
			if _, ok := m.Secrets[whole]; !isMember || !ok {
				return found
			}
		}
		return "((" + b.secretFolder(deployment) + "/" + name + "))"
	})
}

// sameManifest compares two manifests key by key, whatever keys there are; the
// order of keys, comments and quoting do not count.
func sameManifest(a, b string) (bool, error) {
	var left, right any
	if err := yaml.Unmarshal([]byte(a), &left); err != nil {
		return false, fmt.Errorf("parse the stored manifest: %w", err)
	}
	if err := yaml.Unmarshal([]byte(b), &right); err != nil {
		return false, fmt.Errorf("parse the new manifest: %w", err)
	}
	return reflect.DeepEqual(left, right), nil
}
