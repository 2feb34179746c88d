package broker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// What users and platforms read of each operation (reference/on-demand-broker.md §1.9).
func TestWordsOfEachOperation(t *testing.T) {
	t.Parallel()
	force := func(h *harness) answer {
		return h.send("DELETE", instancePath("i1")+"?accepts_incomplete=true&force=true&service_id=service-1&plan_id=plan-1", "")
	}
	process := func(kind string) func(*harness) answer {
		return func(h *harness) answer {
			a := h.process(kind, "i1", testPlan)
			text, _ := json.Marshal(a.Body)
			return answer{a.Status, `{"operation":` + string(text) + `}`}
		}
	}
	for noun, send := range map[string]func(*harness) answer{
		"provisioning":    func(h *harness) answer { return h.provision("i2", testPlan, `{}`) },
		"update":          func(h *harness) answer { return h.update("i1", testPlan, `{"a":2}`) },
		"upgrade":         process("upgrade"),
		"recreate":        process("recreate"),
		"deletion":        func(h *harness) answer { return h.deprovision("i1", testPlan) },
		"forced deletion": force,
	} {
		ends := []director.State{director.Done, director.Errored}
		if noun == "provisioning" {
			ends = append(ends, director.Cancelled, "timeout", "dancing")
		}
		for _, end := range ends {
			for _, exposed := range []bool{false, true} {
				if exposed && end != director.Errored {
					continue
				}
				t.Run(fmt.Sprintf("%s %s exposed=%t", noun, end, exposed), func(t *testing.T) {
					t.Parallel()
					h := newHarness(t, func(c *config.Config) { c.Broker.ExposeOperationalErrors = exposed })
					h.created("i1", `{"a":1}`)
					h.director.mu.Lock()
					h.director.diff = `{"diff":[["a","added"]]}`
					h.director.mu.Unlock()
					id := map[bool]string{true: "i2", false: "i1"}[noun == "provisioning"]
					op := h.accepted(send(h))
					h.want(h.lastOperation(id, op), 200, `{"state":"in progress","description":"Instance `+noun+` in progress"}`)
					h.director.finish(2, end, func(t *fakeTask) { t.Result = "the CPI says no" })
					h.tick()
					got := h.lastOperation(id, op)
					if end == director.Done {
						h.want(got, 200, `{"state":"succeeded","description":"Instance `+noun+` completed"}`)
						return
					}
					begins := `{"state":"failed","description":"Instance ` + noun + ` failed: There was a problem completing your request. `
					if noun == "upgrade" {
						begins = `{"state":"failed","description":"Failed for bosh task: 2`
					}
					if got.Status != 200 || !strings.HasPrefix(got.Body, begins) || strings.Contains(got.Body, ", error-message: the CPI says no") != exposed {
						t.Errorf("%d %s", got.Status, got.Body)
					}
					if noun != "upgrade" && !strings.Contains(got.Body, "service: p.pks, service-instance-guid: "+id+", broker-request-id: ") {
						t.Errorf("%s", got.Body)
					}
					if unknown := "Unrecognised BOSH task state: " + string(end); strings.Contains(h.log.String(), unknown) != (end == "dancing") {
						t.Errorf("log: %s", h.log.String())
					}
				})
			}
		}
	}
}

func TestOperationalErrorsAreToldWhereTheyAreWanted(t *testing.T) {
	t.Parallel()
	for _, exposed := range []bool{false, true} {
		h := newHarness(t, scripted(t, "cat >/dev/null; echo 'the adapter says no' >&2; exit 1"), func(c *config.Config) { c.Broker.ExposeOperationalErrors = exposed })
		got := h.provision("i1", testPlan, `{}`)
		if got.Status != 500 || !strings.Contains(got.Body, generic) || strings.Contains(got.Body, " - error-message: external service adapter exited with 1") != exposed {
			t.Errorf("exposed %t: %d %s", exposed, got.Status, got.Body)
		}
		if !strings.Contains(h.log.String(), "the adapter says no") {
			t.Errorf("exposed %t: operators are not told", exposed)
		}
		// Who refuses in words of his own is not overruled.
		h.want(h.provision("i1", "x", `{}`), 400, `{"description":"plan-id not in the catalog"}`)
	}
}

func TestDeprovisionOfWhatIsGoneCleansUp(t *testing.T) {
	t.Parallel()
	store := &memoryStore{values: map[string]any{"/odb/service-1/service-instance_i1/pw": "x", "/odb/service-1/service-instance_i10/pw": "x"}}
	h := newHarness(t)
	h.broker.secrets = store
	h.director.mu.Lock()
	h.director.configs = []director.BOSHConfig{{Type: "cloud", Name: "service-instance_i1"}, {Type: "cloud", Name: "service-instance_i10"}}
	h.director.mu.Unlock()
	h.director.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		return true
	})
	if got := h.deprovision("i1", testPlan); got.Status != 500 || !strings.HasPrefix(got.Body, `{"description":"Unable to delete service. Please try again later or contact your operator.`) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	h.director.setFault(nil)
	h.want(h.deprovision("i1", testPlan), 410, `{}`)
	if diff := cmp.Diff([]string{"cloud/service-instance_i10"}, h.director.configNames()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"/odb/service-1/service-instance_i10/pw": "x"}, store.names()); diff != "" {
		t.Error(diff)
	}
	h.want(h.deprovision("i1", testPlan), 410, `{}`)
}

// A deletion whose cleaning up fails is told as failed, and may be sent again.
func TestDeletionThatCannotCleanUpHasFailed(t *testing.T) {
	t.Parallel()
	store := &memoryStore{values: map[string]any{"/odb/service-1/service-instance_i1/pw": "x"}}
	h := newHarness(t)
	h.broker.secrets = store
	h.created("i1", `{}`)
	op := h.accepted(h.deprovision("i1", testPlan))
	store.mu.Lock()
	store.fail = fmt.Errorf("sealed")
	store.mu.Unlock()
	h.director.finish(2, director.Done)
	h.tick()
	if got := h.lastOperation("i1", op); !strings.Contains(got.Body, `"state":"failed"`) || !strings.Contains(got.Body, "clean up after the deletion: ") {
		t.Errorf("%s", got.Body)
	}
	store.mu.Lock()
	store.fail = nil
	store.mu.Unlock()
	h.want(h.deprovision("i1", testPlan), 410, `{}`)
	if left := store.names(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRequestIdentityIsEchoed(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, request := range [][2]string{
		{"GET", "/v2/catalog"}, {"PUT", instancePath("i1") + "?accepts_incomplete=true"}, {"DELETE", instancePath("i2") + "?accepts_incomplete=true&service_id=service-1&plan_id=plan-1"},
		{"GET", instancePath("i1") + "/last_operation?operation=x"},
	} {
		req := newOSBRequest(t.Context(), request[0], request[1], `{"service_id":"service-1","plan_id":"plan-1"}`)
		req.Header.Set("X-Broker-API-Request-Identity", "trace-7")
		w := httptest.NewRecorder()
		h.broker.Handler(nil).ServeHTTP(w, req)
		if got := w.Header().Get("X-Broker-API-Request-Identity"); got != "trace-7" {
			t.Errorf("%s: %q", request, got)
		}
	}
	if !strings.Contains(h.log.String(), `"correlation_id":"trace-7"`) {
		t.Error("it is not in the log")
	}
}

// A broker of another make wrote these; §1.9.
func TestOperationsOfOlderBrokersAreFollowed(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.want(h.lastOperation("i1", `{"BoshTaskID":1,"OperationType":"create","PlanID":"plan-1","PostDeployErrand":{},"PreDeleteErrand":{}}`), 200, completed)

	contextID := "8826c3c2-5e1f-4b4a-9f3f-1f2f1c4c8a11"
	h.director.mu.Lock()
	h.director.tasks = append(h.director.tasks, &fakeTask{Task: director.Task{
		ID: 2, State: director.Done, Description: deploysTask, Deployment: "service-instance_i1", ContextID: contextID,
	}})
	h.director.mu.Unlock()
	op := `{"BoshTaskID":2,"BoshContextID":"` + contextID + `","OperationType":"create","PostDeployErrand":{"Name":"apply-addons","Instances":["master/0"]},"PreDeleteErrand":{}}`
	h.want(h.lastOperation("i1", op), 200, inProgress)
	h.tick()
	h.wantTasks(deploysTask, deploysTask, addonsTask)
	h.director.finish(3, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, completed)
}

// In the original a context with members of another type than text brought the
// request down.
func TestMembersOfTheContextMayHaveAnyType(t *testing.T) {
	t.Parallel()
	for _, context := range []string{`{"space_guid":5,"instance_name":["x"]}`, `{"space_guid":null,"instance_name":{}}`, `{"space_guid":"s","instance_name":true}`, `"text"`, `7`, `null`} {
		owner := clientOwner("i1", json.RawMessage(context))
		if owner.ID != "i1" || owner.Name != "" || (owner.SpaceGUID != "" && owner.SpaceGUID != "s") {
			t.Errorf("%s: %+v", context, owner)
		}
		h := newHarness(t)
		h.accepted(h.send("PUT", instancePath("i1")+"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"plan-1","context":`+context+`}`))
	}
}

// What a binding's adapter is told beside addresses: the values behind the
// manifest's variables and the DNS names that the plan wants.
func TestBindingsAdapterIsToldSecretsAndDNSNames(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	newHarnessOn(t, f).created("i1", `{}`)
	manifest := "name: service-instance_i1\npassword: ((pw))\nca: ((/other/tls.ca))\nunknown: ((nothing))\n"
	f.mu.Lock()
	f.deployments["service-instance_i1"] = &manifest
	f.mu.Unlock()
	f.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		switch r.Method + r.URL.Path {
		case "GET/deployments/service-instance_i1/variables":
			fmt.Fprint(w, `[{"id":"7","name":"/Director/service-instance_i1/pw"}]`)
		case "GET/link_providers":
			fmt.Fprint(w, `[{"id":"7","name":"api","shared":true,"owner_object":{"info":{"instance_group":"master"}}}]`)
		case "POST/links":
			fmt.Fprint(w, `{"id":"9"}`)
		case "GET/link_address":
			fmt.Fprint(w, `{"address":"q-s0.master.default.d1.bosh"}`)
		case "DELETE/links/9":
			w.WriteHeader(http.StatusNoContent)
		default:
			return false
		}
		return true
	})
	h := newHarnessOn(t, f, scripted(t, `cat > "$0.in"; echo '{"credentials":{}}'`), func(c *config.Config) {
		c.ServiceCatalog.Plans[0].BindingWithDNS = []config.BindingDNS{{Name: "kubernetes", LinkProvider: "api", InstanceGroup: "master"}}
	})
	h.broker.secrets = &memoryStore{values: map[string]any{"/other/tls": map[string]any{"ca": "CA"}}, byID: map[string]any{"7": "topsecret"}}
	if got := h.bindFor(""); got.Status != 201 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	var in struct {
		CreateBinding struct {
			Secrets string `json:"secrets"`
			DNS     string `json:"dns_addresses"`
		} `json:"create_binding"`
	}
	readJSON(t, h.broker.config.ServiceAdapter.Path+".in", &in)
	if diff := cmp.Diff(`{"((/other/tls.ca))":"CA","((pw))":"topsecret"}`, in.CreateBinding.Secrets); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(`{"kubernetes":"q-s0.master.default.d1.bosh"}`, in.CreateBinding.DNS); diff != "" {
		t.Error(diff)
	}
	if log := h.log.String(); strings.Contains(log, "topsecret") || !strings.Contains(log, "Could not resolve nothing") {
		t.Error(log)
	}
}
