package broker

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// preview asks in the words that pks-api has for a new cluster.
func (h *harness) preview(id, plan, parameters string) answer {
	h.t.Helper()
	return h.send("POST", "/mgmt/service_instances/"+id+"/preview", fmt.Sprintf(
		`{"service_id":%q,"plan_id":%q,"context":{"platform":"pks"},"parameters":%s,`+
			`"previous_values":{"service_id":%q,"organization_id":"pks","space_id":"pks"}}`,
		testService, plan, parameters, testService))
}

func (h *harness) previewed(id, parameters string) (shown preview) {
	h.t.Helper()
	got := h.preview(id, testPlan, parameters)
	if err := json.Unmarshal([]byte(got.Body), &shown); err != nil || got.Status != http.StatusOK {
		h.t.Fatalf("%d %s", got.Status, got.Body)
	}
	return shown
}

func TestPreviewOfACreationIsTheManifestThatItDeploys(t *testing.T) {
	t.Parallel()
	h := newEmbedded(t)
	properties := h.broker.config.ServiceCatalog.GlobalProperties
	properties[bodyProperty] = strings.Replace(embeddedManifest, "((pw))", "((odb_secret:own))", 1)
	properties[secretsProperty] = map[string]any{"own": "hunter2"}
	properties[configsProperty] = map[string]any{"cloud": "vm_extensions: [{name: NAME, cloud_properties: {}}]\n"}
	shown := h.previewed("i1", `{"a":1}`)

	if tasks, err := h.broker.director.Tasks(t.Context(), director.TaskFilter{AllTypes: true, Limit: 100}); err != nil || len(tasks) != 0 {
		t.Errorf("tasks: %v %v", tasks, err)
	}
	if deployments, err := h.broker.director.Deployments(t.Context()); err != nil || len(deployments) != 0 {
		t.Errorf("deployments: %v %v", deployments, err)
	}
	if configs, err := h.broker.director.Configs(t.Context(), "service-instance_i1"); err != nil || len(configs) != 0 {
		t.Errorf("configs: %v %v", configs, err)
	}
	if secrets, err := h.broker.secrets.Below(t.Context(), "/odb"); err != nil || len(secrets) != 0 {
		t.Errorf("secrets: %v %v", secrets, err)
	}

	var lines []string
	for _, line := range shown.Diff {
		if line.Change != "added" && line != (director.DiffLine{}) {
			t.Errorf("%+v", line)
		}
		lines = append(lines, line.Text)
	}
	shown.Diff = nil
	if diff := cmp.Diff(preview{Changes: true, InstanceGroups: []groupChange{
		{Name: "worker", Action: "create", After: 2}, {Name: "apply-addons", Action: "none", After: 1},
	}}, shown); diff != "" {
		t.Error(diff)
	}
	h.ended("i1", h.accepted(h.provision("i1", testPlan, `{"a":1}`)))
	made, err := h.broker.director.Deployment(t.Context(), "service-instance_i1")
	if err != nil || made.Manifest == nil {
		t.Fatal(err)
	}
	want := strings.Replace(*made.Manifest, "((/odb/service-1/service-instance_i1/own))", "<redacted>", 1)
	if same, err := sameManifest(want, strings.Join(lines, "\n")); !same || err != nil {
		t.Errorf("%v\n%s", err, cmp.Diff(want, strings.Join(lines, "\n")))
	}
}

func TestPreviewAsksTheAdapterAsTheCreationDoes(t *testing.T) {
	t.Parallel()
	h := newHarness(t, scripted(t, `[ $1 = generate-manifest ] || exit 10; cat > "$0.in"; echo '{"manifest":"name: service-instance_i1"}'`))
	asked := func() (in map[string]any) {
		readJSON(t, h.broker.config.ServiceAdapter.Path+".in", &in)
		return in
	}
	h.previewed("i1", `{"a":1}`)
	shown := asked()
	h.accepted(h.provision("i1", testPlan, `{"a":1}`))
	if diff := cmp.Diff(asked(), shown); diff != "" || shown["generate_manifest"] == nil {
		t.Errorf("%v %s", shown, diff)
	}
}

func TestPreviewOfACreationIsHeldAgainstTheQuotasAndKeepsNoPlace(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withInstances(t, 200, `[{"service_instance_id":"i1","plan_id":"plan-1"}]`), limit(1))
	h.previewed("i1", `{}`)
	h.previewed("i2", `{}`)
	h.created("i1", `{}`)
	h.want(h.preview("i2", testPlan, `{}`), 500, oneTooMany)
	h.previewed("i1", `{"a":2}`) // what is there has its place
}

func TestPreviewOfACreationRefusesWhatTheCreationRefuses(t *testing.T) {
	t.Parallel()
	schema := withSchema(map[string]any{"$schema": draft04, "type": "object", "properties": map[string]any{"workers": map[string]any{"type": "integer"}}})
	failing := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/diff") {
			return false
		}
		fmt.Fprint(w, `{"diff":[],"error":"Unable to diff manifest: #<Bosh::Director::BadManifest: odd>\n"}`)
		return true
	}
	maintained := func(c *config.Config) {
		c.ServiceCatalog.MaintenanceInfo = config.MaintenanceInfo{Version: "1.0.0"}
	}
	for name, c := range map[string]struct {
		change func(*config.Config)
		fault  func(http.ResponseWriter, *http.Request) bool
		body   string
		status int
		says   string
	}{
		"parameters against the schema": {schema, nil, `"parameters":{"workers":"x"}`, 400, "validation against JSON schema failed"},
		"parameters that are no object": {nil, nil, `"parameters":[]`, 422, "The format of the parameters is not valid JSON"},
		"other maintenance info":        {maintained, nil, `"maintenance_info":{"version":"2.0.0"}`, 422, "MaintenanceInfoConflict"},
		"what the adapter refuses":      {scripted(t, "cat >/dev/null; echo 'no more addresses'; exit 1"), nil, `"parameters":{}`, 500, `{"description":"no more addresses"}`},
		"configs that are turned off": {func(c *config.Config) { secretive(c); c.Broker.DisableBOSHConfigs = true }, nil, `"parameters":{}`, 500,
			"adapter returned bosh configs but feature is turned off"},
		"what the Director refuses":  {nil, failing, `"parameters":{}`, 500, "compare the manifests of service-instance_i1: "},
		"without a list to count by": {func(c *config.Config) { withInstances(t, 500, "")(c); limit(1)(c) }, nil, `"parameters":{}`, 500, "count the instances: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var changes []func(*config.Config)
			if c.change != nil {
				changes = append(changes, c.change)
			}
			h := newHarness(t, changes...)
			h.director.setFault(c.fault)
			got := h.send("POST", "/mgmt/service_instances/i1/preview", `{"service_id":"service-1","plan_id":"plan-1",`+c.body+`}`)
			if got.Status != c.status || !strings.Contains(got.Body, c.says) {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			if began, configs := h.director.began(), h.director.configNames(); len(began)+len(configs) != 0 {
				t.Errorf("tasks %v, configs %v", began, configs)
			}
		})
	}
}

func TestPreviewOfALostInstanceIsGone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	got := h.send("POST", "/mgmt/service_instances/i1/preview",
		`{"service_id":"service-1","plan_id":"plan-1","parameters":{},"previous_values":{"plan_id":"plan-1"}}`)
	if got.Status != http.StatusGone || !strings.Contains(got.Body, "deployment of the service instance does not exist") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

func TestPreviewWithoutADirectorSaysToTryAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.director.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	for _, id := range []string{"i1", "i2"} {
		if got := h.preview(id, testPlan, `{}`); got.Status != 500 || !strings.Contains(got.Body, "Currently unable to preview service instance, please try again later") {
			t.Errorf("%s: %d %s", id, got.Status, got.Body)
		}
	}
}

func TestSectionsOfOthersAreLeftOut(t *testing.T) {
	t.Parallel()
	added := func(lines ...string) (all []director.DiffLine) {
		for _, line := range lines {
			if line == "" {
				all = append(all, director.DiffLine{})
			} else {
				all = append(all, director.DiffLine{Text: line, Change: "added"})
			}
		}
		return all
	}
	got, err := sectionsOf("name: x\nreleases: []\n\"tags\": {a: b}\nempty:\n", added(
		"azs:", "- name: z1", "", "networks:", "- name: default", "  subnets:", "  - range: 10.0.0.0/8", "  name: odd", "",
		"name: x", "", "releases:", "- name: r", "  version: '1'", "-", "", "addons:", "- name: dns", "", `"tags":`, "  azs: b", "", "empty: "))
	want := added("name: x", "", "releases:", "- name: r", "  version: '1'", "-", "", `"tags":`, "  azs: b", "", "empty: ")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := sectionsOf("name: x", added("azs:", "- name: z1")); err != nil || got == nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
	if _, err := sectionsOf("name: [", nil); err == nil {
		t.Error("a manifest that is no YAML has sections")
	}
}

// pks-api gives clusters that it only shows an id of their own, which nobody knows.
func TestUserIsShownWhatACreationWouldDo(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, listPassword)
	p.director.mu.Lock()
	p.director.diff = `{"diff":[["azs:","added"],["- name: z1","added"],["",null],["name: x","added"]]}`
	p.director.mu.Unlock()
	show := func(plan string) answer {
		t.Helper()
		return p.asUser("POST", "/v1/clusters?dry_run=true", fmt.Sprintf(`{"name":"new","plan_name":%q,"parameters":{"kubernetes_master_host":"new.example.com"}}`, plan))
	}
	var shown v1.Preview
	got := show("large")
	if err := json.Unmarshal([]byte(got.Body), &shown); err != nil || got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if diff := cmp.Diff([]v1.DiffLine{{Text: "name: x", Change: "added"}}, shown.ManifestDiff); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]v1.InstanceGroup{{Name: "worker", Action: "create", After: 3}}, shown.Instances); diff != "" {
		t.Error(diff)
	}
	if got := p.asUser("GET", "/v1/clusters", ""); got != (answer{200, "[]"}) {
		t.Errorf("%v", got)
	}
	p.wantDeployed()

	one := p.create("one", "large")
	if got := show("small"); got.Status != http.StatusOK {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	got = show("large")
	if got.Status == http.StatusOK || !strings.Contains(got.Body, "global quotas [ips: (limit 5, used 3, requires 3)] would be exceeded by this deployment") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	p.wantDeployed(one.UUID)
}

// bodies keeps what is sent to the Director to be compared.
func (f *fakeDirector) bodies(compared *[]string) {
	f.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/diff") {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		defer f.mu.Unlock()
		*compared = append(*compared, string(body))
		fmt.Fprint(w, f.diff)
		return true
	})
}
