package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
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
	machines := machine.NewSimulated(machine.Options{})
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
	directorServer := httptest.NewServer(local.Handler())
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
