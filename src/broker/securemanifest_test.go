package broker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/broker/oauthclient"
	"github.com/pks-community/pks-release/src/director"
)

// memoryStore keeps secrets in memory.
type memoryStore struct {
	mu     sync.Mutex
	values map[string]any // by name
	byID   map[string]any
	fail   error
}

func (m *memoryStore) ByID(_ context.Context, id string) (credhub.Credential, error) {
	value, ok := m.byID[id]
	if !ok {
		return credhub.Credential{}, credhub.ErrNotFound
	}
	text, err := json.Marshal(value)
	return credhub.Credential{ID: id, Value: text}, err
}

func (m *memoryStore) ByName(_ context.Context, name string) (credhub.Credential, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[name]
	if !ok {
		return credhub.Credential{}, credhub.ErrNotFound
	}
	text, err := json.Marshal(value)
	return credhub.Credential{Name: name, Value: text}, err
}

// Below is as wide as the interface allows.
func (m *memoryStore) Below(_ context.Context, path string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.values {
		if strings.HasPrefix(name, path) {
			names = append(names, name)
		}
	}
	return names, m.fail
}

func (m *memoryStore) Put(_ context.Context, name string, value any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.values[name] = value
	}
	return m.fail
}

func (m *memoryStore) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, name)
	return m.fail
}

func (m *memoryStore) names() map[string]any {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]any{}
	for name, value := range m.values {
		all[name] = value
	}
	return all
}

// secretive makes the adapter write secrets and a config along with its manifest.
func secretive(c *config.Config) {
	c.ServiceCatalog.GlobalProperties = map[string]any{
		bodyProperty: "name: NAME\ntags: {parameters: 'PARAMETERS'}\n" +
			"instance_groups: [{name: worker, instances: 1, password: ((odb_secret:pw)), cert: ((odb_secret:tls.certificate)), unknown: ((odb_secret:other))}]\n",
		secretsProperty: map[string]any{"pw": "hunter2", "tls": map[string]any{"certificate": "C", "private_key": "K"}, "unused": "x"},
		configsProperty: map[string]any{"cloud": "vm_extensions: [{name: NAME}]\n"},
	}
}

func TestAdaptersSecretsAndConfigsLiveAsLongAsTheirDeployment(t *testing.T) {
	t.Parallel()
	store := &memoryStore{values: map[string]any{}}
	h := newHarness(t, secretive)
	h.broker.secrets = store
	h.created("i1", `{"a":1}`)
	h.created("i10", `{"a":1}`)
	folder := "/odb/service-1/service-instance_"
	tls := map[string]any{"certificate": "C", "private_key": "K"}
	want := map[string]any{folder + "i1/pw": "hunter2", folder + "i1/tls": tls, folder + "i10/pw": "hunter2", folder + "i10/tls": tls}
	if diff := cmp.Diff(want, store.names()); diff != "" {
		t.Error(diff)
	}
	manifest := h.director.deployed("service-instance_i1")
	if !strings.Contains(manifest, "(("+folder+"i1/pw))") || !strings.Contains(manifest, "(("+folder+"i1/tls.certificate))") ||
		!strings.Contains(manifest, "((odb_secret:other))") || strings.Contains(manifest, "hunter2") {
		t.Errorf("%s", manifest)
	}
	if diff := cmp.Diff([]string{"cloud/service-instance_i1", "cloud/service-instance_i10"}, h.director.configNames()); diff != "" {
		t.Error(diff)
	}
	h.want(h.process("upgrade", "i1", testPlan), 204, "") // the same secrets and configs are no change

	op := h.accepted(h.deprovision("i1", testPlan))
	h.director.finish(taskOf(t, op), director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, `{"state":"succeeded","description":"Instance deletion completed"}`)
	delete(want, folder+"i1/pw")
	delete(want, folder+"i1/tls")
	if diff := cmp.Diff(want, store.names()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"cloud/service-instance_i10"}, h.director.configNames()); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(h.log.String(), "hunter2") {
		t.Error("a secret is in the log")
	}
}

func TestUpgradeThatChangesASecretOrAConfigIsDeployed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(map[string]any){
		"secret": func(p map[string]any) { p[secretsProperty] = map[string]any{"pw": "new"} },
		"member": func(p map[string]any) { p[secretsProperty] = map[string]any{"tls": map[string]any{"certificate": "D"}} },
		"config": func(p map[string]any) { p[configsProperty] = map[string]any{"cloud": "vm_extensions: []\n"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &memoryStore{values: map[string]any{}}
			h := newHarness(t, secretive)
			h.broker.secrets = store
			h.created("i1", `{}`)
			next := newHarnessOn(t, h.director, secretive, func(c *config.Config) { change(c.ServiceCatalog.GlobalProperties) })
			next.broker.secrets = store
			if got := next.process("upgrade", "i1", testPlan); got.Status != 202 {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
	}
}

func TestCreationWhoseSecretsCannotBeKeptIsNotBegun(t *testing.T) {
	t.Parallel()
	h := newHarness(t, secretive)
	h.broker.secrets = &memoryStore{values: map[string]any{}, fail: errors.New("sealed")}
	if got := h.provision("i1", testPlan, `{}`); got.Status != 500 || strings.Contains(got.Body, "hunter2") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if began := h.director.began(); len(began) != 0 {
		t.Errorf("tasks: %v", began)
	}
}

func TestRefusedCreationLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	store := &memoryStore{values: map[string]any{}}
	h := newHarness(t, secretive)
	h.broker.secrets = store
	h.director.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && r.URL.Path == "/deployments" {
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		return false
	})
	if got := h.provision("i1", testPlan, `{}`); got.Status != 500 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if left := store.names(); len(left) != 0 || len(h.director.configNames()) != 0 {
		t.Errorf("left behind: %v %v", left, h.director.configNames())
	}
}

func TestConfigsAreRefusedWhenTheyAreTurnedOff(t *testing.T) {
	t.Parallel()
	h := newHarness(t, secretive, func(c *config.Config) { c.Broker.DisableBOSHConfigs = true })
	if got := h.provision("i1", testPlan, `{}`); got.Status != 500 || !strings.Contains(got.Body, "adapter returned bosh configs but feature is turned off") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

func TestSecretsReachTheRealStore(t *testing.T) {
	t.Parallel()
	h := newEmbedded(t)
	properties := h.broker.config.ServiceCatalog.GlobalProperties
	properties[bodyProperty] = strings.Replace(embeddedManifest, "((pw))", "((odb_secret:own))", 1)
	properties[secretsProperty] = map[string]any{"own": "hunter2"}
	properties[configsProperty] = map[string]any{"cloud": "vm_extensions: [{name: NAME, cloud_properties: {}}]\n"}
	if got := h.ended("i1", h.accepted(h.provision("i1", testPlan, `{}`))); got != completed {
		t.Fatal(got)
	}
	path := "/odb/service-1/service-instance_i1/own"
	kept, err := h.broker.secrets.ByName(t.Context(), path)
	if err != nil || string(kept.Value) != `"hunter2"` {
		t.Errorf("%s %v", kept.Value, err)
	}
	configs, err := h.broker.director.Configs(t.Context(), "service-instance_i1")
	if err != nil || len(configs) != 1 {
		t.Errorf("%v %v", configs, err)
	}
	h.want(h.process("upgrade", "i1", testPlan), 204, "")
	h.ended("i1", h.accepted(h.deprovision("i1", testPlan)))
	if _, err := h.broker.secrets.ByName(t.Context(), path); !errors.Is(err, credhub.ErrNotFound) {
		t.Error(err)
	}
	if configs, err := h.broker.director.Configs(t.Context(), "service-instance_i1"); err != nil || len(configs) != 0 {
		t.Errorf("%v %v", configs, err)
	}
}

func TestInstancesHaveUAAClientsOfTheirOwn(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	calls := []string{}
	uaa := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/oauth/token" {
			_, _ = w.Write([]byte(`{"access_token":"good","token_type":"bearer","expires_in":600}`))
			return
		}
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, r.Method+" "+r.URL.Path)
		_, _ = w.Write([]byte(`{"client_id":"i1","scope":["openid"],"authorized_grant_types":["client_credentials"]}`))
	}))
	t.Cleanup(uaa.Close)
	asked := func() []string {
		mu.Lock()
		defer mu.Unlock()
		all := calls
		calls = []string{}
		return all
	}
	cf := config.CF{UAA: config.CFUAA{URL: uaa.URL, ClientDefinition: config.ClientDefinition{Scopes: "openid", GrantTypes: "client_credentials"}}}
	cf.UAA.Authentication.ClientCredentials = config.ClientCredentials{ClientID: "b", ClientSecret: "s"}
	keeper, err := oauthclient.New(cf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keeper.Close)
	h := newHarness(t, func(c *config.Config) {
		c.ServiceCatalog.GlobalProperties = map[string]any{bodyProperty: "name: NAME\ntags: {parameters: 'PARAMETERS'}\nclient: CLIENT\n"}
		c.Broker.SkipPendingChangesCheck = true
	})
	h.broker.clients = keeper
	var compared []string
	h.director.bodies(&compared)
	h.previewed("i1", `{}`)
	if len(compared) != 1 || !strings.Contains(compared[0], `"client_id":"i1","client_secret":"made-together-with-the-instance"`) {
		t.Errorf("the adapter was not told what the client would be: %v", compared)
	}
	if diff := cmp.Diff([]string{}, asked()); diff != "" {
		t.Errorf("a preview touched the clients: %s", diff)
	}
	h.created("i1", `{}`)
	if got := h.director.deployed("service-instance_i1"); !strings.Contains(got, `"client_id":"i1"`) || !strings.Contains(got, `"scopes":"openid"`) {
		t.Errorf("the adapter was not told of it: %s", got)
	}
	if diff := cmp.Diff([]string{"DELETE /oauth/clients/i1", "POST /oauth/clients"}, asked()); diff != "" {
		t.Error(diff)
	}
	op := h.accepted(h.update("i1", testPlan, `{"a":2}`))
	h.director.finish(taskOf(t, op), director.Done)
	h.tick()
	if diff := cmp.Diff([]string{"GET /oauth/clients/i1", "PUT /oauth/clients/i1"}, asked()); diff != "" {
		t.Error(diff)
	}
	op = h.accepted(h.deprovision("i1", withErrands)) // whose pre-delete errands must not keep it
	h.director.finish(taskOf(t, op), director.Done)
	h.tick()
	h.director.finish(taskOf(t, op)+1, director.Done)
	h.tick()
	if diff := cmp.Diff([]string{"DELETE /oauth/clients/i1"}, asked()); diff != "" {
		t.Error(diff)
	}
}
