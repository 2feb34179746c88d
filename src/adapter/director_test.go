package adapter_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/kubeapi"
	"github.com/pks-community/pks-release/src/local/machine"
)

const directorName = "bosh-1"

// platform is an embedded Director whose masters have API servers that answer.
type platform struct {
	t      *testing.T
	url    string
	client *http.Client
	vars   *credhub.Store
	kube   *kubeapi.Service
}

// sharedKey makes the deploys of many clusters cheap.
var sharedKey = func() func(int) (*rsa.PrivateKey, error) {
	once := sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	return func(int) (*rsa.PrivateKey, error) { return once() }
}()

func newPlatform(t *testing.T, options credhub.Options) *platform {
	t.Helper()
	dir := t.TempDir()
	vars, err := credhub.Open(t.Context(), filepath.Join(dir, "credhub.db"), options)
	if err != nil {
		t.Fatal(err)
	}
	kube, err := kubeapi.New(kubeapi.Options{Dir: filepath.Join(dir, "kube"), KubernetesVersion: "1.34.2"})
	if err != nil {
		t.Fatal(err)
	}
	machines := machine.NewSimulated(machine.Options{KubernetesAPI: kube})
	releases := allReleases()
	newer := slices.Clone(cfcr.Releases()[:1])
	newer[0].Version = "1.34.2"
	d, err := director.New(director.Config{
		Dir: dir, Name: directorName, Auth: auth.Basic{"admin": "secret"}, Machines: kubeapi.WithNodes(machines, kube), Credentials: vars, Workers: 4,
		Logger: slog.New(slog.DiscardHandler), Timing: director.Timing{Watch: time.Millisecond},
		Seed: director.Seed{CloudConfig: cloudConfig(t), Releases: append(releases, newer...), Stemcells: []director.Stemcell{cfcr.Stemcell()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(d.Handler())
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, err := range []error{d.Close(ctx), machines.Close(), kube.Close(), vars.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &platform{t: t, url: server.URL, client: client, vars: vars, kube: kube}
}

// cloudConfig has all that the golden manifests name. Its addresses are loopback
// ones, in a range of this test's own, so that API servers can listen on them.
func cloudConfig(t *testing.T) string {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(150))
	if err != nil {
		t.Fatal(err)
	}
	var extensions []string
	for _, name := range []string{"disk_enable_uuid", "iam_instance_profile", "service_account", "managed_identity", "big-network", "cpu-hot-add"} {
		extensions = append(extensions, fmt.Sprintf("- {name: %s, cloud_properties: {}}\n", name))
	}
	return fmt.Sprintf(`azs: [{name: z1}, {name: z2}, {name: z3}]
compilation: {az: z1, network: default, vm_type: small, workers: 1}
disk_types: [{name: 10GB, disk_size: 10240}, {name: 50GB, disk_size: 51200}]
networks:
- name: default
  type: manual
  subnets: [{azs: [z1, z2, z3], range: 127.%d.0.0/16, gateway: 127.%[1]d.0.1}]
vm_extensions:
%svm_types: [{name: micro}, {name: small}, {name: medium}]
`, 90+n.Int64(), strings.Join(extensions, ""))
}

func (p *platform) request(method, path, contentType, body string) (*http.Response, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.SetBasicAuth("admin", "secret")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response, string(text)
}

// deploy does what a broker does with an answer of the adapter, and returns the
// task's events.
func (p *platform) deploy(deployment string, a answer) (manifest string, events string) {
	p.t.Helper()
	manifest = a.Manifest
	for name, value := range a.Secrets {
		path := "/odb/service/" + deployment + "/" + name
		if _, err := p.vars.Set(p.t.Context(), path, "value", value); err != nil {
			p.t.Fatal(err)
		}
		manifest = strings.ReplaceAll(manifest, "((odb_secret:"+name+"))", "(("+path+"))")
	}
	if cloud, ok := a.Configs["cloud"]; ok {
		body, _ := json.Marshal(object{"name": deployment, "type": "cloud", "content": cloud})
		if response, text := p.request("POST", "/configs", "application/json", string(body)); response.StatusCode >= 300 {
			p.t.Fatalf("cloud config: %d %s", response.StatusCode, text)
		}
	}
	response, text := p.request("POST", "/deployments", "text/yaml", manifest)
	if response.StatusCode != http.StatusFound {
		p.t.Fatalf("deploy: %d %s", response.StatusCode, text)
	}
	return manifest, p.finish(response)
}

// finish waits for the task that a request made; it must end well.
func (p *platform) finish(response *http.Response) (events string) {
	p.t.Helper()
	location := response.Header.Get("Location")
	task := location[strings.LastIndex(location, "/tasks/"):]
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, text := p.request("GET", task, "", "")
		var state struct{ State, Result string }
		if err := json.Unmarshal([]byte(text), &state); err != nil {
			p.t.Fatal(err)
		}
		switch state.State {
		case "queued", "processing", "cancelling":
		default:
			_, events := p.request("GET", task+"/output?type=event", "", "")
			if state.State != "done" {
				p.t.Fatalf("task ended %s: %s\n%s", state.State, state.Result, events)
			}
			return events
		}
		select {
		case <-tick.C:
		case <-p.t.Context().Done():
			p.t.Fatal("the test ended first")
		}
	}
}

// keep stores the secrets of the platform that some golden manifests refer to.
func (p *platform) keep() {
	p.t.Helper()
	for name, value := range map[string]any{
		"/opsmgr/pks/vcenter_master_creds": map[string]any{"password": "vpw"},
		"/openstack_password":              "opw",
		"/nsx/identity":                    map[string]any{"certificate": "c", "private_key": "k"},
	} {
		kind := "value"
		if _, ok := value.(map[string]any); ok {
			kind = "json"
		}
		if _, err := p.vars.Set(p.t.Context(), name, kind, value); err != nil {
			p.t.Fatal(err)
		}
	}
	if _, _, err := p.vars.Generate(p.t.Context(), credhub.Request{
		Name: "/p-bosh/kubernetes_ca", Type: "certificate", Parameters: map[string]any{"is_ca": true, "common_name": "operator"},
	}); err != nil {
		p.t.Fatal(err)
	}
}

func TestGoldenManifestsDeploy(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, credhub.Options{NewKey: sharedKey})
	p.keep()
	all := golden()
	for i, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		c.deployment = fmt.Sprintf("service-instance_00000000-0000-4000-8000-%012d", i)
		_, events := p.deploy(c.deployment, c.run(t))
		if !strings.Contains(events, "Creating missing vms") {
			t.Errorf("%s: nothing was made: %s", name, events)
		}
		response, _ := p.request("POST", "/deployments/"+c.deployment+"/errands/apply-addons/runs", "application/json", "{}")
		if response.StatusCode == http.StatusFound {
			p.finish(response)
		} else {
			t.Errorf("%s: errand apply-addons: %d", name, response.StatusCode)
		}
		again := c.run(t)
		if _, events := p.deploy(c.deployment, again); strings.Contains(events, "Updating instance") {
			t.Errorf("%s: deployed again, something changed: %s", name, events)
		}
	}
}

// TestUpdateOrder: masters one by one and first, then the worker canary, then the
// other workers.
func TestUpdateOrder(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, credhub.Options{NewKey: sharedKey})
	c := smallest().threeAZs().with(object{"workers": object{"max_in_flight": 2}}, object{"kubernetes_worker_instances": 6})
	_, first := p.deploy(c.deployment, c.run(t))
	manifest, second := p.deploy(c.deployment, c.with(object{"docker": object{"shared_mounts": true}, "anonymous_auth": true}, nil).run(t))
	for what, events := range map[string]string{"create": first, "update": second} {
		steps := instanceSteps(t, events)
		if len(steps) != 9 {
			t.Fatalf("%s: %d instances were updated: %v", what, len(steps), steps)
		}
		for i, group := range []string{"master", "master", "master", "worker", "worker", "worker", "worker", "worker", "worker"} {
			if steps[i].group != group {
				t.Errorf("%s: step %d is %s, want %s", what, i, steps[i].group, group)
			}
		}
		for _, i := range []int{1, 2, 3, 4} {
			if steps[i].started < steps[i-1].finished {
				t.Errorf("%s: step %d began before the one before it ended", what, i)
			}
		}
	}
	_, resize := p.deploy(c.deployment, c.with(object{"docker": object{"shared_mounts": true}, "anonymous_auth": true}, object{"kubernetes_worker_instances": 7}).after(manifest).run(t))
	if steps := instanceSteps(t, resize); len(steps) != 1 || steps[0].group != "worker" {
		t.Errorf("a resize by one touched %v", steps)
	}
}

type step struct {
	group             string
	started, finished int // lines of the event output
}

func instanceSteps(t *testing.T, events string) []step {
	t.Helper()
	byTask := map[string]*step{}
	var order []*step
	number := 0
	for line := range strings.Lines(events) {
		number++
		var e struct{ Stage, Task, State string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Stage != "Updating instance" {
			continue
		}
		s := byTask[e.Task]
		if s == nil {
			group, _, _ := strings.Cut(e.Task, "/")
			s = &step{group: group, started: number}
			byTask[e.Task] = s
			order = append(order, s)
		}
		if e.State == "finished" {
			s.finished = number
		}
	}
	var out []step
	for _, s := range order {
		out = append(out, *s)
	}
	return out
}

// bindingInput is what a broker hands over for a bind: the manifest, the machines'
// addresses, and the secrets that the manifest's references stand for.
func (p *platform) bindingInput(manifest, deployment, id string, parameters object) serviceadapter.CreateBindingParams {
	p.t.Helper()
	in := serviceadapter.CreateBindingParams{
		BindingID: id, Manifest: parse(p.t, manifest), DeploymentTopology: map[string][]string{}, Secrets: serviceadapter.ManifestSecrets{},
		RequestParams: serviceadapter.RequestParameters{"service_id": "s", "plan_id": "p", "parameters": map[string]any(parameters)},
	}
	_, text := p.request("GET", "/deployments/"+deployment+"/vms", "", "")
	var vms []struct {
		Job string
		IPs []string
	}
	if err := json.Unmarshal([]byte(text), &vms); err != nil {
		p.t.Fatalf("%v: %s", err, text)
	}
	for _, vm := range vms {
		in.DeploymentTopology[vm.Job] = append(in.DeploymentTopology[vm.Job], vm.IPs...)
	}
	for _, placeholder := range regexp.MustCompile(`\(\([^()]+\)\)`).FindAllString(manifest, -1) {
		name := strings.Trim(placeholder, "()")
		if !strings.HasPrefix(name, "/") {
			name = "/" + directorName + "/" + deployment + "/" + name
		}
		whole, member, _ := strings.Cut(name, ".")
		found, err := p.vars.Get(p.t.Context(), whole)
		if err != nil {
			continue
		}
		switch value := found.Value.(type) {
		case string:
			in.Secrets[placeholder] = value
		case map[string]any:
			in.Secrets[placeholder], _ = value[member].(string)
		}
	}
	return in
}
