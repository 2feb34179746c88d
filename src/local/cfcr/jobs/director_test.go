package jobs_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/machine"
)

// sharedKey makes all certificates of the tests from one key, which is most of what they cost.
var sharedKey = func() func(int) (*rsa.PrivateKey, error) {
	once := sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	return func(int) (*rsa.PrivateKey, error) { return once() }
}()

// resolver is an embedded Director with simulated machines: what they are told to be is what a manifest
// means.
type resolver struct {
	*testing.T
	url    string
	client *http.Client
	vars   *credhub.Store

	mu    sync.Mutex
	specs map[string]machine.Spec // by instance
}

// newResolver starts one that gives addresses of a subnet, such as 127.99.0.0/16.
func newResolver(t *testing.T, subnet string) *resolver {
	t.Helper()
	dir := t.TempDir()
	vars, err := credhub.Open(t.Context(), filepath.Join(dir, "credhub.db"), credhub.Options{NewKey: sharedKey})
	if err != nil {
		t.Fatal(err)
	}
	r := &resolver{T: t, vars: vars, specs: map[string]machine.Spec{}}
	machines := machine.NewSimulated(machine.Options{Fault: r.record})
	d, err := director.New(director.Config{
		Dir: dir, Name: "bosh-1", Auth: auth.Basic{"admin": "secret"}, Machines: machines, Credentials: vars, Workers: 4,
		Logger: slog.New(slog.DiscardHandler), Timing: director.Timing{Watch: time.Millisecond},
		Seed: director.Seed{
			CloudConfig: fmt.Sprintf(cloudConfig, subnet, strings.Replace(subnet, "0.0/16", "0.1", 1)),
			Releases:    slices.Concat(cfcr.Releases("0.44.0", "1.34.2", "1.35.4", "1.36.3"), cfcr.Optional(), cfcr.NSX()),
			Stemcells:   []director.Stemcell{cfcr.Stemcell()},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(d.Handler())
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, err := range []error{d.Close(ctx), machines.Close(), vars.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	r.url, r.client = server.URL, server.Client()
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return r
}

const cloudConfig = `azs: [{name: z1}, {name: z2}, {name: z3}]
compilation: {az: z1, network: default, vm_type: small, workers: 1}
disk_types: [{name: 10GB, disk_size: 10240}, {name: 50GB, disk_size: 51200}]
networks:
- name: default
  type: manual
  subnets: [{azs: [z1, z2, z3], range: %s, gateway: %s}]
vm_extensions:
- {name: disk_enable_uuid, cloud_properties: {}}
- {name: iam_instance_profile, cloud_properties: {}}
- {name: service_account, cloud_properties: {}}
- {name: managed_identity, cloud_properties: {}}
- {name: big-network, cloud_properties: {}}
- {name: cpu-hot-add, cloud_properties: {}}
vm_types: [{name: micro}, {name: small, cloud_properties: {cpu: 1, ram: 1024}}, {name: medium, cloud_properties: {cpu: 2, ram: 2048}}]
`

func (r *resolver) record(_ context.Context, step machine.Step, spec machine.Spec) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if step == machine.StepApply {
		r.specs[spec.Group+"/"+spec.ID] = spec
	}
	return nil
}

func (r *resolver) request(method, path, kind, body string) (*http.Response, string) {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.SetBasicAuth("admin", "secret")
	request.Header.Set("Content-Type", kind)
	response, err := r.client.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.Fatal(err)
	}
	return response, string(text)
}

// await waits for the task that a request made, which must end well.
func (r *resolver) await(response *http.Response, text string) {
	r.Helper()
	_, id, ok := strings.Cut(response.Header.Get("Location"), "/tasks/")
	if !ok {
		r.Fatalf("no task: %d %s", response.StatusCode, text)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, text := r.request("GET", "/tasks/"+id, "", "")
		var task struct{ State, Result string }
		if err := json.Unmarshal([]byte(text), &task); err != nil {
			r.Fatal(err)
		}
		switch task.State {
		case "done":
			return
		case "queued", "processing":
		default:
			r.Fatalf("task %s: %s", id, task.Result)
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			r.Fatal(r.Context().Err())
		}
	}
}

// resolve deploys a manifest and runs its add-ons errand, and returns what the machines are, by group and
// index. The names of the cloud config that goes with the manifest, if any, are known.
func (r *resolver) resolve(manifest string) []machine.Spec {
	r.Helper()
	r.mu.Lock()
	r.specs = map[string]machine.Spec{}
	r.mu.Unlock()
	r.await(r.request("POST", "/deployments", "text/yaml", r.keep(manifest)))
	name, _, _ := strings.Cut(manifest[strings.Index(manifest, "\nname: ")+len("\nname: "):], "\n")
	r.await(r.request("POST", "/deployments/"+name+"/errands/apply-addons/runs", "application/json", "{}"))
	r.mu.Lock()
	defer r.mu.Unlock()
	var specs []machine.Spec
	for _, spec := range r.specs {
		specs = append(specs, spec)
	}
	slices.SortFunc(specs, func(a, b machine.Spec) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Index, b.Index))
	})
	return specs
}

// keep gives the Director what a broker keeps for the golden manifests, and puts its references in place of
// the broker's.
func (r *resolver) keep(manifest string) string {
	r.Helper()
	set := func(name, kind string, value any) {
		if _, err := r.vars.Set(r.Context(), name, kind, value); err != nil {
			r.Fatal(err)
		}
	}
	manifest = strings.ReplaceAll(manifest, "odb_secret:", "/odb/")
	pair := map[string]any{}
	for key, file := range map[string]string{"certificate": "certificate.pem", "private_key": "key.pem", "ca": "certificate.pem"} {
		text, err := os.ReadFile("../../../adapter/testdata/custom-ca/" + file)
		if err != nil {
			r.Fatal(err)
		}
		pair[key] = string(text)
	}
	for _, m := range regexp.MustCompile(`(?:\(\(|ca: )(/[^).\s]+)(\.\w+)?`).FindAllStringSubmatch(manifest, -1) {
		if m[2] == ".password" {
			set(m[1], credhub.TypeUser, map[string]any{"username": "u", "password": "vpw-of-vcenter"})
		} else if m[2] != "" || strings.HasPrefix(m[0], "ca:") {
			set(m[1], credhub.TypeCertificate, pair)
		} else if !strings.Contains(manifest, "ca: "+m[1]+"\n") {
			set(m[1], credhub.TypeValue, "bm9ib2R5LWNhbi1ndWVzcy10aGlzLWtleS1vZi0zMiE=")
		}
	}
	return manifest
}

// addCloudConfig gives the Director the cloud config of one cluster.
func (r *resolver) addCloudConfig(name, content string) {
	r.Helper()
	body, err := json.Marshal(map[string]string{"name": name, "type": "cloud", "content": content})
	if err != nil {
		r.Fatal(err)
	}
	if response, text := r.request("POST", "/configs", "application/json", string(body)); response.StatusCode >= 300 {
		r.Fatalf("cloud config: %d %s", response.StatusCode, text)
	}
}

// manifests are the golden ones of the service adapter, by name.
func manifests(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../../adapter/testdata/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	if len(all) < 10 {
		t.Fatalf("only %d golden manifests", len(all))
	}
	return all
}
