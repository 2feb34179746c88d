package broker

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/director"
)

const (
	inProgress = `{"state":"in progress","description":"Instance provisioning in progress"}`
	completed  = `{"state":"succeeded","description":"Instance provisioning completed"}`
)

func TestProvisionRunsUntilItsTaskIsDone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", testPlan, `{"cluster_name":"demo"}`))
	h.want(h.lastOperation("i1", op), 200, inProgress)
	h.director.finish(1, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, completed)
	if got := h.director.deployed("service-instance_i1"); !strings.Contains(got, `cluster_name`) {
		t.Errorf("the manifest lacks the parameters: %s", got)
	}
}

func TestProvisionTakesFewDirectorRequests(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.accepted(h.provision("i1", testPlan, `{}`))
	want := []string{"GET /deployments/service-instance_i1", "POST /deployments"}
	if diff := cmp.Diff(want, h.director.asked()); diff != "" {
		t.Error(diff)
	}
}

func TestRepeatedProvisionAnswersWithTheSameOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	first := h.provision("i1", withErrands, `{"a":1,"b":2}`)
	h.accepted(first)
	h.want(h.provision("i1", withErrands, `{"b":2, "a":1}`), first.Status, first.Body)
	restarted := newHarnessOn(t, h.director)
	restarted.want(restarted.provision("i1", withErrands, `{"a":1,"b":2}`), first.Status, first.Body)
	if diff := cmp.Diff([]string{"create deployment"}, h.director.began()); diff != "" {
		t.Error(diff)
	}
}

func TestRepeatedProvisionIsOKWhenDone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{"a":1}`)
	h.want(h.provision("i1", testPlan, `{"a":1}`), 200, `{}`)
}

func TestRepeatedProvisionIsToldByTheManifestOnceTasksAreTidiedAway(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{"a":1}`)
	h.director.mu.Lock()
	h.director.tasks = nil
	h.director.mu.Unlock()
	h.want(h.provision("i1", testPlan, `{"a":1}`), 200, `{}`)
	h.want(h.provision("i1", testPlan, `{"a":2}`), 409, `{}`)
}

func TestDifferentProvisionConflicts(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", testPlan, `{"a":1}`))
	h.want(h.provision("i1", testPlan, `{"a":2}`), 409, `{}`)
	h.director.finish(taskOf(t, op), director.Done)
	h.tick()
	h.want(h.provision("i1", testPlan, `{"a":2}`), 409, `{}`)
}

func TestProvisionOfAnInstanceThatWasChangedSinceConflicts(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{"a":1}`)
	op := h.accepted(h.update("i1", testPlan, `{"a":2}`))
	h.director.finish(taskOf(t, op), director.Done)
	h.tick()
	h.want(h.provision("i1", testPlan, `{"a":1}`), 409, `{}`)
}

func TestFailedProvisionIsBegunAgainByTheSameRequest(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	first := h.accepted(h.provision("i1", testPlan, `{"a":1}`))
	h.director.finish(1, director.Errored)
	h.tick()
	second := h.accepted(h.provision("i1", testPlan, `{"a":1}`))
	if taskOf(t, second) != 2 {
		t.Errorf("second operation %s, first %s", second, first)
	}
	h.want(h.lastOperation("i1", second), 200, inProgress)
}

func TestDroppedAnswerToDeployLeadsToOneDeploy(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.director.dropAfter(http.MethodPost, "/deployments", 1)
	op := h.accepted(h.provision("i1", testPlan, `{}`))
	if diff := cmp.Diff([]string{"create deployment"}, h.director.began()); diff != "" {
		t.Error(diff)
	}
	if taskOf(t, op) != 1 {
		t.Errorf("operation %s does not name the task that was begun", op)
	}
}

func TestHangingDirectorCallDelaysNoOtherInstance(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	hangs, let := make(chan struct{}), make(chan struct{})
	h.director.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/deployments/service-instance_slow" {
			close(hangs)
			<-let
		}
		return false
	})
	slow := make(chan answer)
	go func() { slow <- h.provision("slow", testPlan, `{}`) }()
	<-hangs
	h.accepted(h.provision("quick", testPlan, `{}`))
	h.created("third", `{}`)
	close(let)
	h.accepted(<-slow)
}

func TestProvisionRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, body string
		status     int
		answer     string
	}{
		"not asynchronous": {"", `{"service_id":"service-1","plan_id":"plan-1"}`, 422,
			`{"error":"AsyncRequired","description":"This service plan requires client support for asynchronous service operations."}`},
		"no service":     {"?accepts_incomplete=true", `{"plan_id":"plan-1"}`, 400, `{"description":"service_id missing"}`},
		"no plan":        {"?accepts_incomplete=true", `{"service_id":"service-1"}`, 400, `{"description":"plan_id missing"}`},
		"other service":  {"?accepts_incomplete=true", `{"service_id":"x","plan_id":"plan-1"}`, 400, `{"description":"service-id not in the catalog"}`},
		"other plan":     {"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"x"}`, 400, `{"description":"plan-id not in the catalog"}`},
		"parameters":     {"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"plan-1","parameters":[1]}`, 422, `{"description":"The format of the parameters is not valid JSON"}`},
		"maintenance":    {"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"plan-1","maintenance_info":{"version":"2"}}`, 422, `{"error":"MaintenanceInfoConflict","description":"maintenance_info was passed, but the broker catalog contains no maintenance_info"}`},
		"not JSON":       {"?accepts_incomplete=true", `{`, 422, `{"description":"unexpected EOF"}`},
		"wrong type":     {"?accepts_incomplete=true", `{"service_id":1}`, 422, `{"description":"json: cannot unmarshal number into Go struct field ProvisionDetails.service_id of type string"}`},
		"larger than 1M": {"?accepts_incomplete=true", strings.Repeat(" ", maxBody+1), 413, `{"description":"the request body is larger than 1048576 bytes"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.want(h.send("PUT", instancePath("i1")+c.path, c.body), c.status, c.answer)
			if asked := h.director.asked(); len(asked) != 0 {
				t.Errorf("the Director was asked: %v", asked)
			}
		})
	}
}

func TestContextOfAWrongTypeIsNotPassedOn(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	got := h.send("PUT", instancePath("i1")+"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"plan-1","context":["x",5]}`)
	h.accepted(got)
}

func TestUnreachableDirectorAsksToTryLater(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.director.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "<html>", http.StatusServiceUnavailable)
		return true
	})
	started := time.Now()
	got := h.provision("i1", testPlan, `{}`)
	if got.Status != 500 || !strings.HasPrefix(got.Body, `{"description":"Currently unable to create service instance, please try again later - error-message: `) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
