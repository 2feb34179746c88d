package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"sync"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/adapter"
	"github.com/pks-community/pks-release/src/local/cfcr"
)

// generating is a broker that has the service adapter make a manifest of what it is
// given, as pks-broker does, and is done at once.
type generating struct {
	mu        sync.Mutex
	manifests map[string]manifest // by cluster name
	refused   []string
	grown     chan struct{}
}

func (g *generating) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodPut {
		_, _ = io.WriteString(w, `{"instance_groups":{"master":["10.0.0.2"]}}`)
		return
	}
	var body struct {
		Context struct {
			ClusterName string `json:"cluster_name"`
		} `json:"context"`
	}
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	var made manifest
	if err == nil {
		made, err = generate(r.Context(), string(raw), "")
	}
	g.mu.Lock()
	if g.manifests[body.Context.ClusterName] = made; err != nil {
		g.refused = append(g.refused, fmt.Sprintf("%v: %s", err, raw))
	}
	g.mu.Unlock()
	select {
	case g.grown <- struct{}{}:
	default:
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{}`)
}

// manifest is what BOSH is given, and how it reads.
type manifest struct {
	text   string
	parsed struct {
		Tags      map[string]string `yaml:"tags"`
		Variables []struct {
			Name string `yaml:"name"`
		} `yaml:"variables"`
		Groups []struct {
			Name      string `yaml:"name"`
			Instances int    `yaml:"instances"`
		} `yaml:"instance_groups"`
		Features struct {
			Cluster struct {
				Spec string `yaml:"spec"`
			} `yaml:"pks_cluster"`
		} `yaml:"features"`
	}
	texts []string // all there are, keys of maps too
}

// generate calls the adapter with what the platform sent, or, for an upgrade, with
// the manifest that there is alone.
func generate(ctx context.Context, request, previous string) (manifest, error) {
	deployment := serviceadapter.ServiceDeployment{
		DeploymentName: "service-instance_88d3a538-0000-4c16-8e86-2d691c28dc75",
		Stemcells:      []serviceadapter.Stemcell{{OS: "ubuntu-xenial", Version: "621.76"}},
	}
	for _, r := range slices.Concat(cfcr.Releases(), cfcr.Optional()) {
		deployment.Releases = append(deployment.Releases, serviceadapter.ServiceRelease{Name: r.Name, Version: r.Version, Jobs: r.JobNames()})
	}
	group := serviceadapter.InstanceGroup{VMType: "small", Instances: 1, Networks: []string{"default"}, AZs: []string{"z1"}}
	master, worker, errand := group, group, group
	master.Name, master.PersistentDiskType, worker.Name, errand.Name, errand.Lifecycle = "master", "10GB", "worker", "apply-addons", "errand"
	plan := serviceadapter.Plan{
		Properties:       serviceadapter.Properties{"max_worker_instances": 5},
		LifecycleErrands: serviceadapter.LifecycleErrands{PostDeploy: []serviceadapter.Errand{{Name: "apply-addons"}}},
		InstanceGroups:   []serviceadapter.InstanceGroup{master, worker, errand},
	}
	written := func(v any) string {
		document, _ := json.Marshal(v)
		return string(document)
	}
	input := serviceadapter.GenerateManifestJSONParams{
		ServiceDeployment: written(deployment), Plan: written(plan), PreviousPlan: "null", PreviousManifest: previous, RequestParameters: request,
		PreviousSecrets: "null", PreviousConfigs: "null", ServiceInstanceUAAClient: "null",
	}
	if previous != "" {
		input.PreviousPlan = input.Plan
	}
	var out, log bytes.Buffer
	stdin := bytes.NewReader([]byte(written(serviceadapter.InputParams{GenerateManifest: input})))
	if code := adapter.Run(ctx, adapter.Build{}, []string{"pks-service-adapter", "generate-manifest"}, stdin, &out, &log); code != 0 {
		return manifest{}, fmt.Errorf("the adapter ends with %d: %s", code, log.String())
	}
	var answer serviceadapter.MarshalledGenerateManifest
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return manifest{}, err
	}
	m := manifest{text: answer.Manifest}
	var everything any
	if err := errors.Join(yaml.Unmarshal([]byte(m.text), &m.parsed), yaml.Unmarshal([]byte(m.text), &everything)); err != nil {
		return manifest{}, err
	}
	m.texts = textsIn(everything)
	return m, nil
}

func textsIn(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, member := range v {
			all = append(all, textsIn(member)...)
		}
		return all
	case map[string]any:
		var all []string
		for key, member := range v {
			all = append(append(all, key), textsIn(member)...)
		}
		return all
	default:
		return nil
	}
}

var references = regexp.MustCompile(`\(\(!?([^()]*)\)\)`)

// strangers are what BOSH would take for variables that the manifest does not
// declare.
func (m manifest) strangers() []string {
	var found []string
	for _, text := range m.texts {
		for _, reference := range references.FindAllStringSubmatch(text, -1) {
			declared := slices.ContainsFunc(m.parsed.Variables, func(v struct {
				Name string `yaml:"name"`
			}) bool {
				return reference[1] == v.Name || len(reference[1]) > len(v.Name) && reference[1][:len(v.Name)+1] == v.Name+"."
			})
			if !declared {
				found = append(found, text)
			}
		}
	}
	return found
}
