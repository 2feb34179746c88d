package adapter_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

	mu    sync.Mutex
	steps []string // of all machines: "worker/ID drain"
}

// record notes what the machines are told to do.
func (p *platform) record(_ context.Context, s machine.Step, spec machine.Spec) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = append(p.steps, spec.Group+"/"+spec.ID+" "+string(s))
	return nil
}

// told returns what the machines were told since it was asked last.
func (p *platform) told() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	steps := p.steps
	p.steps = nil
	return steps
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
	p := &platform{t: t, vars: vars}
	machines := machine.NewSimulated(machine.Options{KubernetesAPI: kube, Fault: p.record})
	releases := allReleases()
	newer := slices.Clone(cfcr.Releases()[:1])
	newer[0].Version = "1.34.2"
	d, err := director.New(director.Config{
		Dir: dir, Name: directorName, Auth: auth.Basic{"admin": "secret"}, Machines: machines, Credentials: vars, Workers: 4,
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
	p.url, p.client = server.URL, client
	return p
}

// cloudConfig has all that the golden manifests name. Its addresses are loopback
// ones, in a range of this test's own, so that API servers can listen on them.
func cloudConfig(t *testing.T) string {
	t.Helper()
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
  subnets: [{azs: [z1, z2, z3], range: %s.0.0/16, gateway: %[1]s.0.1}]
vm_extensions:
%svm_types: [{name: micro}, {name: small}, {name: medium}]
`, loopback(t), strings.Join(extensions, ""))
}

var (
	loopbacks     atomic.Int64 // handed out
	firstLoopback = sync.OnceValues(func() (int64, error) {
		n, err := rand.Int(rand.Reader, big.NewInt(150)) // other processes have tests, too
		return n.Int64(), err
	})
)

// loopback is the first half of loopback addresses that no other test uses.
func loopback(t *testing.T) string {
	t.Helper()
	first, err := firstLoopback()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.%d", 90+(first+loopbacks.Add(1))%150)
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
		path, kind := secretFolder(deployment)+name, credhub.TypeValue
		if _, ok := value.(object); ok {
			kind = credhub.TypeCertificate
		}
		if _, err := p.vars.Set(p.t.Context(), path, kind, value); err != nil {
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
	for name, value := range operatorSecrets() {
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

// newBindingInput is what a broker hands over for a bind, but for addresses and
// secrets.
func newBindingInput(t *testing.T, manifest, id string, parameters object) serviceadapter.CreateBindingParams {
	t.Helper()
	return serviceadapter.CreateBindingParams{
		BindingID: id, Manifest: parse(t, manifest), DeploymentTopology: map[string][]string{}, Secrets: serviceadapter.ManifestSecrets{},
		RequestParams: serviceadapter.RequestParameters{"service_id": serviceID, "plan_id": "p", "parameters": map[string]any(parameters)},
	}
}

// bindingInput adds the machines' addresses, and the secrets that the manifest's
// references stand for.
func (p *platform) bindingInput(t *testing.T, manifest, deployment, id string, parameters object) serviceadapter.CreateBindingParams {
	t.Helper()
	in := newBindingInput(t, manifest, id, parameters)
	_, text := p.request("GET", "/deployments/"+deployment+"/vms", "", "")
	var vms []struct {
		Job string
		IPs []string
	}
	if err := json.Unmarshal([]byte(text), &vms); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, vm := range vms {
		in.DeploymentTopology[vm.Job] = append(in.DeploymentTopology[vm.Job], vm.IPs...)
	}
	for _, placeholder := range references.FindAllString(manifest, -1) {
		name := strings.Trim(placeholder, "()")
		if !strings.HasPrefix(name, "/") {
			name = "/" + directorName + "/" + deployment + "/" + name
		}
		whole, member, _ := strings.Cut(name, ".")
		found, err := p.vars.Get(t.Context(), whole)
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
