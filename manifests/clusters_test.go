package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	yamlv2 "gopkg.in/yaml.v2"

	"github.com/pks-community/pks-release/src/adapter"
	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/local/credhub"
)

// deployClusters has the service adapter make a cluster of every plan in the broker's rendered
// configuration, and the Director plan it: zones, networks, VM types and extensions, disks, releases and
// secrets are all there.
func (b *bench) deployClusters(t *testing.T, vcap string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vcap, "jobs/pks-broker/config/pks-broker.yml"))
	if err != nil {
		t.Fatal(err)
	}
	broker, warnings, err := config.Parse(text)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("the broker's configuration: %v %v", err, warnings)
	}
	for i, plan := range broker.ServiceCatalog.Plans {
		name := fmt.Sprintf("service-instance_88d3a538-0000-4c16-8e86-2d691c28dc7%d", i)
		manifest, err := b.cluster(t, name, broker, plan)
		if err != nil {
			t.Errorf("plan %s: %v", plan.Name, err)
			continue
		}
		if _, err := bosh(t, b.env, "-d", name, "deploy", write(t, "cluster.yml", manifest), "--dry-run"); err != nil {
			t.Errorf("plan %s: %v", plan.Name, err)
		}
	}
}

// cluster is the manifest of a cluster, its secrets in CredHub as the broker puts them there.
func (b *bench) cluster(t *testing.T, name string, broker config.Config, plan config.Plan) ([]byte, error) {
	t.Helper()
	in := serviceadapter.GenerateManifestParams{
		ServiceDeployment: serviceadapter.ServiceDeployment{DeploymentName: name},
		Plan:              broker.ServiceCatalog.ForAdapter(plan),
		RequestParams: serviceadapter.RequestParameters{
			"service_id": broker.ServiceCatalog.ID, "plan_id": plan.ID,
			"parameters": map[string]any{"cluster_name": "demo", "kubernetes_master_host": "demo.example.com"},
		},
	}
	for _, r := range broker.ServiceDeployment.Releases {
		in.ServiceDeployment.Releases = append(in.ServiceDeployment.Releases, serviceadapter.ServiceRelease(r))
	}
	for _, s := range broker.ServiceDeployment.Stemcells {
		in.ServiceDeployment.Stemcells = append(in.ServiceDeployment.Stemcells, serviceadapter.Stemcell{OS: s.OS, Version: s.Version})
	}
	out, err := adapter.Generate(in)
	if err != nil {
		return nil, err
	}
	text, err := yamlv2.Marshal(out.Manifest)
	if err != nil {
		return nil, err
	}
	manifest := string(text)
	for secret, value := range out.ODBManagedSecrets {
		path := "/odb/" + broker.ServiceCatalog.ID + "/" + name + "/" + secret
		manifest = strings.ReplaceAll(manifest, "((odb_secret:"+secret+"))", "(("+path+"))")
		if _, err := b.credentials.Set(t.Context(), path, credhub.TypeValue, value); err != nil {
			return nil, err
		}
	}
	return []byte(manifest), nil
}
