package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
	localcredhub "github.com/pks-community/pks-release/src/local/credhub"
	localdirector "github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/machine"
)

// bodyProperty of a plan makes the fake adapter answer with this manifest, with
// NAME and PARAMETERS filled in.
const bodyProperty = "manifest_body"

const embeddedManifest = `name: NAME
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.500"}]
releases: [{name: rec, version: 1.0.0}]
update: {canaries: 1, max_in_flight: 2, canary_watch_time: 1000-5000, update_watch_time: 1000-5000}
variables: [{name: pw, type: password}]
tags: {parameters: 'PARAMETERS'}
instance_groups:
- name: worker
  instances: 2
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: web, release: rec, properties: {pw: ((pw))}}]
- name: apply-addons
  lifecycle: errand
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs: [{name: chk, release: rec}]
`

const embeddedCloudConfig = `azs: [{name: z1}]
compilation: {az: z1, network: default, vm_type: small, workers: 2}
networks: [{name: default, type: manual, subnets: [{azs: [z1], gateway: 10.0.1.1, range: 10.0.1.0/24}]}]
vm_types: [{name: small, cloud_properties: {}}]
`

// newEmbedded puts a broker in front of the embedded Director and its CredHub,
// both behind UAA tokens.
func newEmbedded(t *testing.T) *harness {
	t.Helper()
	return newEmbeddedWith(t, embeddedHooks{})
}

// embeddedHooks let a test take part in what happens there.
type embeddedHooks struct {
	fault    func(context.Context, machine.Step, machine.Spec) error // before each step of a machine
	answered func(*http.Request)                                     // by the Director
}

func newEmbeddedWith(t *testing.T, hooks embeddedHooks) *harness {
	t.Helper()
	uaa := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"good","token_type":"bearer","expires_in":600}`)
	}))
	t.Cleanup(uaa.Close)
	bearer := auth.Bearer{URL: uaa.URL, Verify: func(_ context.Context, token string) (auth.Identity, error) {
		if token != "good" {
			return auth.Identity{}, auth.ErrNotAuthenticated
		}
		return auth.Identity{User: "pks-broker", Scopes: []string{"bosh.admin", "credhub.read", "credhub.write"}}, nil
	}}
	dir, logger := t.TempDir(), slog.New(slog.DiscardHandler)
	vars, err := localcredhub.Open(t.Context(), filepath.Join(dir, "credhub.db"), localcredhub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	machines := machine.NewSimulated(machine.Options{Fault: hooks.fault})
	local, err := localdirector.New(localdirector.Config{
		Dir: dir, Name: "TestDirector", Auth: bearer, Machines: machines, Credentials: vars, Logger: logger,
		Timing: localdirector.Timing{Watch: time.Millisecond},
		Seed: localdirector.Seed{
			CloudConfig: embeddedCloudConfig,
			Releases: []localdirector.Release{{Name: "rec", Version: "1.0.0", Jobs: []localdirector.Job{
				{Name: "web", Properties: []string{"pw"}, Processes: []string{"web"}}, {Name: "chk", Errand: true},
			}}},
			Stemcells: []localdirector.Stemcell{{Name: "bosh-dummy-ubuntu-jammy-go_agent", OS: "ubuntu-jammy", Version: "1.500"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	directorServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local.Handler().ServeHTTP(w, r)
		if hooks.answered != nil {
			hooks.answered(r)
		}
	}))
	credhubServer := httptest.NewServer(localcredhub.Handler(vars, bearer, logger))
	t.Cleanup(func() {
		directorServer.Close()
		credhubServer.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, err := range []error{local.Close(ctx), machines.Close(), vars.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})

	c := testConfig(t)
	c.Broker.EnableSecureManifests = true
	c.ServiceCatalog.GlobalProperties = map[string]any{bodyProperty: embeddedManifest}
	c.ServiceCatalog.Plans[1].LifecycleErrands.PreDelete = nil
	d, err := director.New(director.Config{URL: directorServer.URL, ClientID: "pks-broker", ClientSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	secrets, err := credhub.New(credhub.Config{URL: credhubServer.URL, ClientID: "pks-broker", ClientSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(secrets.Close)
	return serveEmbedded(t, c, d, secrets)
}

func serveEmbedded(t *testing.T, c config.Config, d *director.Client, secrets *credhub.Client) *harness {
	t.Helper()
	log := &logText{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	b, err := New(Parts{
		Config: c, Director: d, Secrets: secrets, Logger: logger,
		Adapter: runner.New(runner.Config{Path: c.ServiceAdapter.Path, Stdin: true, Timeout: c.ServiceAdapter.Timeout(), Logger: logger}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.checkStartup(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b.Handler(nil))
	t.Cleanup(server.Close)
	return &harness{t: t, broker: b, url: server.URL, log: log}
}

// ended follows an operation to its end.
func (h *harness) ended(id, op string) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	d, err := parseOperation(op)
	if err != nil {
		h.t.Fatal(err)
	}
	o := h.broker.view.track(id, d, nil)
	for !o.settled() {
		if _, err := h.broker.director.Wait(ctx, o.taskID()); err != nil {
			h.t.Fatal(err)
		}
		h.tick()
	}
	return h.lastOperation(id, op).Body
}

func TestWholeLifeOnTheEmbeddedDirector(t *testing.T) {
	t.Parallel()
	h := newEmbedded(t)
	create := h.accepted(h.provision("i1", withErrands, `{"a":1}`))
	if got := h.ended("i1", create); got != completed {
		t.Fatal(got)
	}
	p := h.progress("i1", create, 0)
	if p.Percent != 100 || len(p.Events) < 20 || p.Events[0].Stage != "Preparing deployment" {
		t.Errorf("%d%%, %d events", p.Percent, len(p.Events))
	}
	errandSeen := false
	for _, e := range p.Events {
		errandSeen = errandSeen || e.Stage == "Running errand"
	}
	if !errandSeen {
		t.Error("no event of the errand")
	}
	h.want(h.provision("i1", withErrands, `{"a":1}`), 200, `{}`)
	h.want(h.process("upgrade", "i1", withErrands), 204, "")

	bound := h.send("PUT", instancePath("i1")+"/service_bindings/b1", `{"service_id":"service-1","plan_id":"`+withErrands+`"}`)
	if bound.Status != 201 || !strings.Contains(bound.Body, `"vms":{"worker":["10.0.1.`) || strings.Contains(bound.Body, `"secrets":{}`) {
		t.Errorf("%d %s", bound.Status, bound.Body)
	}
	update := h.accepted(h.update("i1", withErrands, `{"a":2}`))
	if got := h.ended("i1", update); got != `{"state":"succeeded","description":"Instance update completed"}` {
		t.Error(got)
	}
	remove := h.accepted(h.deprovision("i1", withErrands))
	if got := h.ended("i1", remove); got != `{"state":"succeeded","description":"Instance deletion completed"}` {
		t.Error(got)
	}
	h.want(h.deprovision("i1", withErrands), 410, `{}`)
}

func TestSecretsOfTheManifestReachTheBinding(t *testing.T) {
	t.Parallel()
	h := newEmbedded(t)
	h.ended("i1", h.accepted(h.provision("i1", testPlan, `{}`)))
	manifest, err := h.broker.director.Deployment(t.Context(), "service-instance_i1")
	if err != nil || manifest.Manifest == nil {
		t.Fatal(err)
	}
	secrets := h.broker.secretsOf(t.Context(), "service-instance_i1", *manifest.Manifest)
	if len(secrets) != 1 || len(secrets["((pw))"]) < 20 {
		t.Errorf("%d secrets: %s", len(secrets), cmp.Diff(map[string]string{}, secrets))
	}
	if strings.Contains(h.log.String(), secrets["((pw))"]) {
		t.Error("a secret is in the log")
	}
}

func TestPreviewIsTheDirectorsOwnDifferenceAndChangesNothing(t *testing.T) {
	t.Parallel()
	h := newEmbedded(t)
	h.ended("i1", h.accepted(h.provision("i1", testPlan, `{"a":1}`)))
	before, err := h.broker.director.Deployment(t.Context(), "service-instance_i1")
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := h.broker.director.Tasks(t.Context(), director.TaskFilter{AllTypes: true, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	show := func(parameters string) (shown preview) {
		t.Helper()
		got := h.send("POST", "/mgmt/service_instances/i1/preview", `{"service_id":"service-1","plan_id":"plan-1","parameters":`+parameters+`}`)
		if err := json.Unmarshal([]byte(got.Body), &shown); err != nil || got.Status != http.StatusOK {
			t.Fatalf("%d %s", got.Status, got.Body)
		}
		return shown
	}
	same := show(`{"a":1}`)
	if diff := cmp.Diff(preview{Diff: []director.DiffLine{}, InstanceGroups: []groupChange{
		{Name: "worker", Action: "none", Before: 2, After: 2}, {Name: "apply-addons", Action: "none", Before: 1, After: 1},
	}}, same); diff != "" {
		t.Error(diff)
	}
	changed := show(`{"a":2}`)
	removed, added := false, false
	for _, line := range changed.Diff {
		removed = removed || line.Change == "removed" && strings.Contains(line.Text, `"a":1`)
		added = added || line.Change == "added" && strings.Contains(line.Text, `"a":2`)
	}
	if !changed.Changes || !removed || !added {
		t.Errorf("%+v", changed)
	}
	h.broker.config.ServiceCatalog.GlobalProperties[bodyProperty] = strings.Replace(embeddedManifest, "vm_type: small", "vm_type: large", 1)
	if got := show(`{}`).InstanceGroups[0]; got != (groupChange{Name: "worker", Action: "recreate", Before: 2, After: 2}) {
		t.Errorf("%+v", got)
	}

	after, err := h.broker.director.Deployment(t.Context(), "service-instance_i1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	later, err := h.broker.director.Tasks(t.Context(), director.TaskFilter{AllTypes: true, Limit: 100})
	if err != nil || len(later) != len(tasks) {
		t.Errorf("%d tasks before, %d afterwards: %v", len(tasks), len(later), err)
	}
}

func TestCancelStopsTheDirectorsTaskAndWaitsForItsEnd(t *testing.T) {
	t.Parallel()
	reached, asked := make(chan struct{}), make(chan struct{})
	var once, twice sync.Once
	h := newEmbeddedWith(t, embeddedHooks{
		fault: func(ctx context.Context, _ machine.Step, _ machine.Spec) error {
			once.Do(func() { close(reached) })
			select {
			case <-asked:
			case <-ctx.Done():
			}
			return nil
		},
		answered: func(r *http.Request) {
			if r.Method == http.MethodDelete && strings.HasPrefix(r.URL.Path, "/task/") {
				twice.Do(func() { close(asked) })
			}
		},
	})
	op := h.accepted(h.provision("i1", testPlan, `{}`))
	<-reached
	h.want(h.send("POST", "/mgmt/service_instances/i1/cancel", ""), 200, fmt.Sprintf(
		`{"task_id":%d,"state":"cancelled","deployment":"incomplete","message":"the first deploy did not end: create it again or delete it"}`, taskOf(t, op)))
	if got := h.ended("i1", op); !strings.Contains(got, `"state":"failed"`) {
		t.Error(got)
	}
	if got := h.ended("i1", h.accepted(h.provision("i1", testPlan, `{}`))); got != completed {
		t.Errorf("created again: %s", got)
	}
}
