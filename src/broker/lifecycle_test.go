package broker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

const concurrency = `{"error":"ConcurrencyError","description":"An operation is in progress for your service instance. Please try again later."}`

func TestErrandsRunOnceHoweverManyPoll(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", withErrands, `{}`))
	h.director.finish(1, director.Done)
	// A second broker, as after a restart, polled by many, while the first goes on.
	restarted := newHarnessOn(t, h.director)
	var polls sync.WaitGroup
	for range 10 {
		polls.Go(func() { restarted.lastOperation("i1", op) })
	}
	polls.Wait()
	restarted.tick()
	h.tick()
	if diff := cmp.Diff([]string{"create deployment", "run errand apply-addons from deployment service-instance_i1"}, h.director.began()); diff != "" {
		t.Error(diff)
	}
	restarted.want(restarted.lastOperation("i1", op), 200, inProgress)
	h.director.finish(2, director.Done)
	restarted.tick()
	restarted.want(restarted.lastOperation("i1", op), 200, completed)
}

func TestErrandStartsWithoutAnyPoll(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.accepted(h.provision("i1", withErrands, `{}`))
	h.director.finish(1, director.Done)
	h.tick()
	if got := h.director.began(); len(got) != 2 {
		t.Errorf("tasks: %v", got)
	}
}

func TestErrandThatExitsNonZeroFailsTheOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", withErrands, `{}`))
	h.director.finish(1, director.Done)
	h.tick()
	h.director.finish(2, director.Done, func(t *fakeTask) {
		t.output = `{"instance":{"group":"master","id":"m0"},"errand_name":"apply-addons","exit_code":3,"stderr":"no such kubeconfig\n"}` + "\n"
	})
	h.tick()
	got := h.lastOperation("i1", op)
	if !strings.Contains(got.Body, `"state":"failed"`) || !strings.Contains(got.Body, "task-id: 2, operation: create, error-message: errand apply-addons exited with 3 on master/m0: no such kubeconfig") {
		t.Errorf("%s", got.Body)
	}
}

func TestErrandIsBegunAgainWhenTheLockWasHeld(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", withErrands, `{}`))
	h.director.finish(1, director.Done)
	h.tick()
	h.director.finish(2, director.Errored, func(t *fakeTask) {
		t.Result = "Failed to acquire lock for lock:deployment:service-instance_i1 uid: X"
	})
	h.tick()
	h.director.finish(3, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, completed)
}

func TestFailedTaskIsToldInFull(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", testPlan, `{}`))
	whole := "Unable to render instance groups for deployment. " + strings.Repeat("x", 300)
	h.director.finish(1, director.Errored, func(t *fakeTask) {
		t.Result = whole[:128] + "..."
		t.events = `{"time":1,"error":{"code":100,"message":"` + whole + `"}}` + "\n"
	})
	h.tick()
	if got := h.lastOperation("i1", op); !strings.Contains(got.Body, ", error-message: "+whole) {
		t.Errorf("%s", got.Body)
	}
}

func TestOnlyOneRequestPerTickForAllOperations(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var ops []string
	for i := range 5 {
		ops = append(ops, h.accepted(h.provision(fmt.Sprint("i", i), testPlan, `{}`)))
	}
	h.director.asked()
	h.tick()
	for i, op := range ops {
		for range 10 {
			h.want(h.lastOperation(fmt.Sprint("i", i), op), 200, inProgress)
		}
	}
	if diff := cmp.Diff([]string{"GET /tasks"}, h.director.asked()); diff != "" {
		t.Error(diff)
	}
}

func TestIdleBrokerAsksForNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.director.asked()
	h.tick()
	if asked := h.director.asked(); len(asked) != 0 {
		t.Errorf("asked: %v", asked)
	}
}

func TestChangesDuringARunningTaskAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{"a":1}`)
	op := h.accepted(h.update("i1", testPlan, `{"a":2}`))
	bind := func(h *harness) answer {
		return h.send("PUT", instancePath("i1")+"/service_bindings/b1", `{"service_id":"service-1","plan_id":"plan-1"}`)
	}
	unbind := func(h *harness) answer {
		return h.send("DELETE", instancePath("i1")+"/service_bindings/b1?service_id=service-1&plan_id=plan-1", "")
	}
	restarted := newHarnessOn(t, h.director) // knows of it from the Director only
	for _, h := range []*harness{h, restarted} {
		h.want(h.update("i1", testPlan, `{"a":3}`), 422, concurrency)
		h.want(h.deprovision("i1", testPlan), 422, concurrency)
		h.want(bind(h), 422, concurrency)
		h.want(unbind(h), 422, concurrency)
		if same := h.accepted(h.update("i1", testPlan, `{"a":2}`)); taskOf(t, same) != taskOf(t, op) {
			t.Errorf("the repeated update began another operation: %s, %s", op, same)
		}
	}
}

func TestNothingComesBetweenTwoTasksOfAnOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.accepted(h.provision("i1", withErrands, `{}`))
	h.director.finish(1, director.Done) // the errand is due but not yet begun
	h.want(h.deprovision("i1", withErrands), 422, concurrency)
}

func TestUpdateDeploysTheNewParameters(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{"workers":1}`)
	op := h.accepted(h.update("i1", testPlan, `{"workers":5}`))
	h.director.finish(2, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, `{"state":"succeeded","description":"Instance update completed"}`)
	if got := h.director.deployed("service-instance_i1"); !strings.Contains(got, `\"workers\":5`) {
		t.Errorf("%s", got)
	}
}

func TestUpdateWithPendingChangesIsRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{"a":1}`)
	older := strings.Replace(h.director.deployed("service-instance_i1"), `"instances":3`, `"instances":4`, 1)
	h.director.mu.Lock()
	h.director.deployments["service-instance_i1"] = &older
	h.director.mu.Unlock()
	h.want(h.update("i1", testPlan, `{"a":2}`), 422,
		`{"description":"The service broker has been updated, and this service instance is out of date. Please contact your operator."}`)
	skipping := newHarnessOn(t, h.director, func(c *config.Config) { c.Broker.SkipPendingChangesCheck = true })
	skipping.accepted(skipping.update("i1", testPlan, `{"a":2}`))
}

func TestUpdateOfAMissingDeployment(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *config.Config) { c.Broker.ExposeOperationalErrors = false })
	h.want(h.update("i1", testPlan, `{"a":2}`), 500, `{"description":"bosh deployment 'service-instance_i1' not found"}`)
}

func TestDeprovisionRunsErrandsDeletesAndCleansUp(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.director.mu.Lock()
	h.director.configs = []director.BOSHConfig{{Type: "cloud", Name: "service-instance_i1"}, {Type: "cloud", Name: "default"}}
	h.director.mu.Unlock()
	op := h.accepted(h.deprovision("i1", withErrands))
	if same := h.accepted(h.deprovision("i1", withErrands)); same != op {
		t.Errorf("repeated deletion: %s, first %s", same, op)
	}
	h.director.finish(2, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, `{"state":"in progress","description":"Instance deletion in progress"}`)
	h.director.finish(3, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, `{"state":"succeeded","description":"Instance deletion completed"}`)
	want := []string{"create deployment", "run errand drain-cluster from deployment service-instance_i1", "delete deployment service-instance_i1"}
	if diff := cmp.Diff(want, h.director.began()); diff != "" {
		t.Error(diff)
	}
	h.director.mu.Lock()
	left := slices.Clone(h.director.configs)
	h.director.mu.Unlock()
	if diff := cmp.Diff([]director.BOSHConfig{{Type: "cloud", Name: "default"}}, left); diff != "" {
		t.Error(diff)
	}
	h.want(h.deprovision("i1", withErrands), 410, `{}`)
}

func TestForcedDeprovisionPassesOverAFailedErrand(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	op := h.accepted(h.send("DELETE", instancePath("i1")+"?accepts_incomplete=true&force=true&service_id=service-1&plan_id="+withErrands, ""))
	h.director.finish(2, director.Errored)
	h.tick()
	h.director.finish(3, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, `{"state":"succeeded","description":"Instance forced deletion completed"}`)
}

func TestDeletionWhoseTasksAreTidiedAwayHasSucceededWhenNothingIsLeft(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := `{"BoshTaskID":77,"BoshContextID":"delete-i1-1","OperationType":"delete","PostDeployErrand":{},"PreDeleteErrand":{}}`
	h.want(h.lastOperation("i1", op), 200, `{"state":"succeeded","description":"Instance deletion completed"}`)
}

func TestCreateWhoseTasksAreTidiedAwayHasFailedWhenNothingIsThere(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := `{"BoshTaskID":77,"OperationType":"create","PostDeployErrand":{},"PreDeleteErrand":{}}`
	if got := h.lastOperation("i1", op); !strings.Contains(got.Body, `"state":"failed"`) || !strings.Contains(got.Body, "no longer knows task 77") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

func TestPollsWithBadOperationData(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, op := range []string{"", "garbage", `{"BoshTaskID":0,"OperationType":"create"}`, `{"BoshTaskID":1,"OperationType":"dance"}`, `{"BoshTaskID":1,"OperationType":"create","PlanID":"` + strings.Repeat("x", maxOperation) + `"}`} {
		if got := h.lastOperation("i1", op); got.Status != 500 || !strings.Contains(got.Body, "There was a problem completing your request.") {
			t.Errorf("%.40q: %d %s", op, got.Status, got.Body)
		}
	}
}

func TestBindGivesTheAdapterAddressesAndRequest(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.director.mu.Lock()
	h.director.vms["service-instance_i1"] = `[{"job":"worker","index":1,"ips":["10.0.0.4"],"active":true},{"job":"worker","index":0,"ips":["10.0.0.3"],"active":true},{"job":"worker","index":2,"ips":["10.0.0.9"],"active":false},{"job":"master","index":0,"ips":["10.0.0.2"],"active":true}]`
	h.director.mu.Unlock()
	h.want(h.send("PUT", instancePath("i1")+"/service_bindings/b1", `{"service_id":"service-1","plan_id":"plan-1","parameters":{"user":"u1"}}`), 201,
		`{"credentials":{"request":{"app_guid":"","parameters":{"user":"u1"},"plan_id":"plan-1","service_id":"service-1"},"vms":{"master":["10.0.0.2"],"worker":["10.0.0.3","10.0.0.4"]}}}`)
	h.want(h.send("DELETE", instancePath("i1")+"/service_bindings/b1?service_id=service-1&plan_id=plan-1", ""), 200, `{}`)
	h.want(h.send("GET", "/mgmt/service_instances/i1/vms", ""), 200,
		`{"deployment":"service-instance_i1","instance_groups":{"master":["10.0.0.2"],"worker":["10.0.0.3","10.0.0.4"]}}`)
}

func TestBindBodyThatIsCalledAFormIsReadAsJSON(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	req := newOSBRequest(t.Context(), http.MethodPut, h.url+instancePath("i1")+"/service_bindings/b1", `{"service_id":"service-1","plan_id":"plan-1"}`)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Error(resp.Status)
	}
}

func TestBindingsOfAMissingInstance(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.want(h.send("PUT", instancePath("i1")+"/service_bindings/b1", `{"service_id":"service-1","plan_id":"plan-1"}`), 404, `{"description":"instance does not exist"}`)
	h.want(h.send("DELETE", instancePath("i1")+"/service_bindings/b1?service_id=service-1&plan_id=plan-1", ""), 410, `{}`)
	h.want(h.send("GET", "/mgmt/service_instances/i1/vms", ""), 404, `{"description":"bosh deployment 'service-instance_i1' not found"}`)
}

func TestFetchesAreNotOffered(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.want(h.send("GET", instancePath("i1"), ""), 404, `{"description":"GetInstance Not Implemented"}`)
	h.want(h.send("GET", instancePath("i1")+"/service_bindings/b", ""), 404, `{"description":"GetBinding Not Implemented"}`)
}

func (h *harness) process(kind, id, plan string) answer {
	h.t.Helper()
	return h.send("PATCH", "/mgmt/service_instances/"+id+"?operation_type="+kind, `{"plan_id":"`+plan+`","context":{}}`)
}

func TestUpgradeThatWouldChangeNothingIsSettledAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.want(h.process("upgrade", "i1", testPlan), 204, "")
	if got := h.director.began(); len(got) != 1 {
		t.Errorf("tasks: %v", got)
	}
}

func TestUpgradeDeploysWhenTheDirectorSeesAChange(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.director.diff = `{"diff":[["releases:",null],["  version: 2.0","added"]]}`
	got := h.process("upgrade", "i1", testPlan)
	var d operationData
	if err := json.Unmarshal([]byte(got.Body), &d); err != nil || got.Status != 202 || d.OperationType != opUpgrade || d.BoshTaskID != 2 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	h.want(h.process("recreate", "i1", testPlan), 409, `{}`)
}

func TestUpgradeAfterAFailedDeployIsNotTakenForDone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.accepted(h.update("i1", testPlan, `{"a":2}`))
	h.director.finish(2, director.Errored)
	h.tick()
	if got := h.process("upgrade", "i1", testPlan); got.Status != 202 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

// A deploy that failed has left the manifest of before it; who upgrades then still means what was asked for.
func TestUpgradeAfterAFailedUpdateDeploysWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{"a":1}`)
	h.accepted(h.update("i1", testPlan, `{"a":2}`))
	h.director.finish(2, director.Errored)
	h.tick()
	got := h.send("PATCH", "/mgmt/service_instances/i1?operation_type=upgrade", `{"plan_id":"`+testPlan+`","context":{},"parameters":{"a":2}}`)
	if got.Status != 202 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	h.director.finish(3, director.Done)
	h.tick()
	h.director.mu.Lock()
	defer h.director.mu.Unlock()
	if deployed := *h.director.deployments[deploymentName("i1")]; !strings.Contains(deployed, `{\"a\":2}`) {
		t.Errorf("deployed: %s", deployed)
	}
}

func TestProcessingAMissingDeploymentIsGone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.want(h.process("upgrade", "i1", testPlan), 410, `{}`)
	h.want(h.process("recreate", "i1", testPlan), 410, `{}`)
	h.want(h.process("dance", "i1", testPlan), 400, "")
	h.want(h.process("upgrade", "i1", ""), 500, `{"description":"no plan ID provided in upgrade request body"}`)
	h.want(h.process("upgrade", "i1", "x"), 500, `{"description":"plan x not found"}`)
	h.want(h.send("PATCH", "/mgmt/service_instances/i1?operation_type=upgrade", ""), 422, `{"description":"Error in request body. Invalid JSON"}`)
}

func TestRecreateRunsPostDeployErrands(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	got := h.process("recreate", "i1", withErrands)
	if got.Status != http.StatusAccepted {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	h.director.finish(2, director.Done)
	h.tick()
	h.director.finish(3, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", got.Body), 200, `{"state":"succeeded","description":"Instance recreate completed"}`)
}

func TestPreviewChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{"a":1}`)
	h.director.diff = `{"diff":[["parameters: x",null],["a","added"]]}`
	h.want(h.send("POST", "/mgmt/service_instances/i1/preview", `{"service_id":"service-1","plan_id":"plan-1","parameters":{"a":2}}`), 200,
		`{"changes":true,"diff":[["parameters: x",null],["a","added"]],"instance_groups":[{"name":"worker","action":"none","instances_before":3,"instances_after":3}]}`)
	if got := h.director.began(); len(got) != 1 {
		t.Errorf("tasks: %v", got)
	}
}

func TestCancelSaysWhereItLanded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", withErrands, `{}`))
	h.want(h.send("POST", "/mgmt/service_instances/i1/cancel", ""), 200,
		`{"task_id":1,"state":"cancelled","deployment":"incomplete","message":"the first deploy did not end: create it again or delete it"}`)
	h.tick()
	if got := h.lastOperation("i1", op); !strings.Contains(got.Body, `"state":"failed"`) {
		t.Errorf("%s", got.Body)
	}
	if got := h.send("POST", "/mgmt/service_instances/i1/cancel", ""); got.Status != 409 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	h.accepted(h.deprovision("i1", withErrands))
	if got := h.director.began(); got[1] != "delete deployment service-instance_i1" {
		t.Errorf("tasks: %v", got)
	}
}
