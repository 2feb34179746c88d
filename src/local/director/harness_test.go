package director_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/machine"
	localrelease "github.com/pks-community/pks-release/src/local/release"
)

// cloudConfig is the one of the recordings.
const cloudConfig = `azs: [{name: z1}, {name: z2}]
compilation: {az: z1, network: default, reuse_compilation_vms: true, vm_type: small, workers: 2}
disk_types: [{name: d1, disk_size: 1024, cloud_properties: {}}]
networks:
- name: default
  type: manual
  subnets:
  - {azs: [z1], dns: [10.0.0.2], gateway: 10.0.1.1, range: 10.0.1.0/24, reserved: [10.0.1.2-10.0.1.9], static: [10.0.1.200-10.0.1.250]}
  - {azs: [z2], dns: [10.0.0.2], gateway: 10.0.2.1, range: 10.0.2.0/24}
vm_extensions: [{name: big, cloud_properties: {x: 1}}]
vm_types: [{name: small, cloud_properties: {}}, {name: other, cloud_properties: {ram: 1}}]
`

const head = `stemcells: [{alias: default, os: ubuntu-jammy, version: "1.500"}]
releases: [{name: rec, version: 1.0.0}]
update: {canaries: 1, max_in_flight: 2, canary_watch_time: 1000-5000, update_watch_time: 1000-5000}
`

// d1 is the deployment of the recordings: a master, four workers in two zones, an errand group.
const d1 = "name: d1\n" + head + `variables:
- {name: pw, type: password}
- {name: ca, type: certificate, options: {is_ca: true, common_name: ca}}
instance_groups:
- name: master
  instances: 1
  azs: [z1]
  vm_type: small
  persistent_disk_type: d1
  stemcell: default
  networks: [{name: default}]
  jobs:
  - {name: web, release: rec, properties: {port: 9999, pw: ((pw))}, provides: {web: {as: mweb, shared: true}}}
  - {name: chk, release: rec, consumes: {web: {from: mweb}}}
- name: worker
  instances: 4
  azs: [z1, z2]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs:
  - {name: web, release: rec, properties: {port: 9999, pw: ((ca.certificate))}, provides: {web: nil}}
- name: smoke
  lifecycle: errand
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: chk, release: rec, consumes: {web: {from: mweb}}}]
`

func recRelease(version string) director.Release {
	return director.Release{Name: "rec", Version: version, Jobs: []director.Job{
		{
			Name: "web", Properties: []string{"port", "pw"}, Processes: []string{"web"},
			Provides: []director.Link{{Name: "web", Type: "web", Properties: []string{"port"}}},
		},
		{Name: "chk", Errand: true, Consumes: []director.Link{{Name: "web", Type: "web", Optional: true}}},
	}}
}

func seed() director.Seed {
	return director.Seed{
		CloudConfig: cloudConfig,
		Releases:    []director.Release{recRelease("1.0.0"), recRelease("2.0.0")},
		Stemcells: []director.Stemcell{
			{Name: "bosh-dummy-ubuntu-jammy-go_agent", OS: "ubuntu-jammy", Version: "1.500"},
			{Name: "bosh-dummy-ubuntu-jammy-go_agent", OS: "ubuntu-jammy", Version: "1.501"},
		},
	}
}

// sharedKey hands out the same key each time: making RSA keys is most of what a small deploy costs.
var sharedKey = func() func(int) (*rsa.PrivateKey, error) {
	once := sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	return func(int) (*rsa.PrivateKey, error) { return once() }
}()

// bench is a Director with everything around it.
type bench struct {
	*testing.T
	director *director.Director
	server   *httptest.Server
	machines *machine.Simulated
	vars     *credhub.Store
	url      string
	client   *http.Client
	// patience is how long close waits for tasks.
	patience time.Duration
	close    func()
}

type setup struct {
	dir      string
	machines machine.Options
	timing   director.Timing
	workers  int
	auth     auth.Authenticator
	seed     *director.Seed
	resume   bool
	releases *localrelease.Library
	// templates is what Config.Templates answers.
	templates func([]machine.Spec) ([]localrelease.TemplateFault, error)
}

func start(t *testing.T, s setup) *bench {
	t.Helper()
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	if s.auth == nil {
		s.auth = auth.Basic{"admin": "secret"}
	}
	if s.seed == nil {
		planted := seed()
		s.seed = &planted
	}
	if s.timing.Watch == 0 {
		s.timing.Watch = time.Millisecond
	}
	vars, err := credhub.Open(t.Context(), filepath.Join(s.dir, "credhub.db"), credhub.Options{NewKey: sharedKey})
	if err != nil {
		t.Fatal(err)
	}
	machines := machine.NewSimulated(s.machines)
	templates := func(_ context.Context, specs []machine.Spec) ([]localrelease.TemplateFault, error) {
		if s.templates == nil {
			return nil, nil
		}
		return s.templates(specs)
	}
	d, err := director.New(director.Config{
		Releases: s.releases, Templates: templates,
		Dir: s.dir, Name: "TestDirector", Auth: s.auth, Machines: machines, Credentials: vars, Workers: s.workers,
		ResumeTasks: s.resume, Logger: slog.New(slog.DiscardHandler), Timing: s.timing, Seed: *s.seed, ConfigServerURL: "https://config-server:8844",
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(d.Handler())
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b := &bench{T: t, director: d, server: server, machines: machines, vars: vars, url: server.URL, client: client, patience: 10 * time.Second}
	var once sync.Once
	b.close = func() {
		once.Do(func() {
			server.Close()
			ctx, cancel := context.WithTimeout(context.Background(), b.patience)
			defer cancel()
			if err := d.Close(ctx); err != nil {
				t.Error(err)
			}
			if err := machines.Close(); err != nil {
				t.Error(err)
			}
			if err := vars.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(b.close)
	return b
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers are pairs.
func (b *bench) do(method, path, body string, headers ...string) answer {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.SetBasicAuth("admin", "secret")
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(text)}
}

func (b *bench) get(path string) string {
	b.Helper()
	a := b.do("GET", path, "")
	if a.status != http.StatusOK {
		b.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	return a.body
}

// list decodes a list of objects.
func (b *bench) list(path string) []map[string]any {
	b.Helper()
	var out []map[string]any
	if err := json.Unmarshal([]byte(b.get(path)), &out); err != nil {
		b.Fatal(err)
	}
	return out
}

type task struct {
	ID          int     `json:"id"`
	State       string  `json:"state"`
	Description string  `json:"description"`
	Result      *string `json:"result"`
	StartedAt   *int64  `json:"started_at"`
	Timestamp   *int64  `json:"timestamp"`
}

// accepted returns the id of the task that a request made.
func (b *bench) accepted(a answer) int {
	b.Helper()
	m := regexp.MustCompile(`^https://[^/]+/tasks/(\d+)$`).FindStringSubmatch(a.header.Get("Location"))
	if a.status != http.StatusFound || m == nil || a.body != "" {
		b.Fatalf("no task: %d %s %s", a.status, a.header, a.body)
	}
	id := 0
	_, _ = fmt.Sscan(m[1], &id)
	return id
}

func (b *bench) task(id int) task {
	b.Helper()
	var found task
	if err := json.Unmarshal([]byte(b.get(fmt.Sprintf("/tasks/%d", id))), &found); err != nil {
		b.Fatal(err)
	}
	return found
}

// finish waits for a task's end.
func (b *bench) finish(id int) task {
	b.Helper()
	return b.await(id, func(t task) bool {
		return t.State != "queued" && t.State != "processing" && t.State != "cancelling"
	})
}

func (b *bench) await(id int, ok func(task) bool) task {
	b.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(3 * time.Minute)
	for {
		if t := b.task(id); ok(t) {
			return t
		}
		select {
		case <-tick.C:
		case <-limit:
			b.Fatalf("task %d does not get there: %+v\n%s", id, b.task(id), b.events(id))
		}
	}
}

func (b *bench) events(id int) string { return b.output(id, "event") }

func (b *bench) output(id int, kind string) string {
	b.Helper()
	return b.do("GET", fmt.Sprintf("/tasks/%d/output?type=%s", id, kind), "").body
}

// deploy posts a manifest and returns the finished task, which must have the state.
func (b *bench) deploy(manifest, query, wantState string) task {
	b.Helper()
	return b.run(b.do("POST", "/deployments"+query, manifest, "Content-Type", "text/yaml"), wantState)
}

func (b *bench) run(a answer, wantState string) task {
	b.Helper()
	t := b.finish(b.accepted(a))
	if t.State != wantState {
		result := ""
		if t.Result != nil {
			result = *t.Result
		}
		b.Fatalf("task %d ended %s, want %s: %s\n%s", t.ID, t.State, wantState, result, b.events(t.ID))
	}
	return t
}

// script condenses events to one line each: stage [tags] task state, with UUIDs left out.
func (b *bench) script(id int) []string {
	b.Helper()
	ids := regexp.MustCompile(`/[0-9a-f]{8}-[0-9a-f-]{27}`)
	var lines []string
	for line := range strings.Lines(b.events(id)) {
		var e struct {
			Stage         string   `json:"stage"`
			Tags          []string `json:"tags"`
			Total         *int     `json:"total"`
			Task          string   `json:"task"`
			Index         int      `json:"index"`
			State         string   `json:"state"`
			Progress      int      `json:"progress"`
			Data          struct{ Status, Error string }
			Type, Message string
			Error         *struct {
				Code    int
				Message string
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			b.Fatalf("event %q: %v", line, err)
		}
		text := ""
		switch {
		case e.Error != nil:
			text = fmt.Sprintf("error %d %s", e.Error.Code, e.Error.Message)
		case e.Type != "":
			text = e.Type + " " + e.Message
		default:
			total := "null"
			if e.Total != nil {
				total = fmt.Sprint(*e.Total)
			}
			text = fmt.Sprintf("%s %v %d/%s %s: %s", e.Stage, e.Tags, e.Index, total, e.Task, e.State)
			if e.State == "in_progress" {
				text += fmt.Sprintf(" %d %s", e.Progress, e.Data.Status)
			}
			if e.Data.Error != "" {
				text += " " + e.Data.Error
			}
		}
		lines = append(lines, ids.ReplaceAllString(text, ""))
	}
	return lines
}
