package broker

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// restarted is another process of the broker, which nobody has polled yet.
func (h *harness) restarted(change ...func(*config.Config)) *harness {
	h.t.Helper()
	next := newHarnessOn(h.t, h.director, change...)
	if err := next.broker.takeUp(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return next
}

const (
	deploysTask = "create deployment"
	addonsTask  = "run errand apply-addons from deployment service-instance_i1"
	drainsTask  = "run errand drain-cluster from deployment service-instance_i1"
	deletesTask = "delete deployment service-instance_i1"
)

func (h *harness) wantTasks(want ...string) {
	h.t.Helper()
	if diff := cmp.Diff(want, h.director.began()); diff != "" {
		h.t.Error(diff)
	}
}

func TestErrandThatWasDueAtACrashIsBegunWithoutAnyPoll(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", withErrands, `{}`))
	h.director.finish(1, director.Done) // and there the broker dies
	next := h.restarted()
	next.want(next.deprovision("i1", withErrands), 422, concurrency)
	next.tick()
	next.wantTasks(deploysTask, addonsTask)
	next.want(next.lastOperation("i1", op), 200, inProgress)
	if n := next.broker.view.count(); n != 1 {
		t.Errorf("%d operations are watched: the poll was not recognised", n)
	}
	h.director.finish(2, director.Done)
	next.tick()
	next.want(next.lastOperation("i1", op), 200, completed)
	next.wantTasks(deploysTask, addonsTask)
}

func TestTaskThatRanAtACrashIsWatchedOn(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", withErrands, `{}`))
	next := h.restarted()
	h.director.finish(1, director.Done)
	next.tick()
	next.wantTasks(deploysTask, addonsTask)
	if p := next.progress("i1", op, 0); p.TaskID != 2 {
		t.Errorf("progress of task %d", p.TaskID)
	}
}

func TestDeletionIsFinishedAfterACrash(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	h.director.mu.Lock()
	h.director.configs = []director.BOSHConfig{{Type: "cloud", Name: "service-instance_i1"}}
	h.director.mu.Unlock()
	op := h.accepted(h.send("DELETE", instancePath("i1")+"?accepts_incomplete=true&force=true&service_id=service-1&plan_id="+withErrands, ""))
	h.director.finish(2, director.Errored) // passed over, since it is forced
	second := h.restarted()
	second.tick()
	second.wantTasks(deploysTask, drainsTask, deletesTask)
	h.director.finish(3, director.Done)
	third := h.restarted()
	third.tick()
	third.want(third.lastOperation("i1", op), 200, `{"state":"succeeded","description":"Instance forced deletion completed"}`)
	h.director.mu.Lock()
	defer h.director.mu.Unlock()
	if len(h.director.configs) != 0 {
		t.Errorf("left behind: %v", h.director.configs)
	}
}

func TestPollOfAnOldDeletionLeavesTheNewInstanceAlone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	op := h.accepted(h.deprovision("i1", testPlan))
	h.director.finish(2, director.Done)
	h.tick()
	h.created("i1", `{}`)
	config := []director.BOSHConfig{{Type: "cloud", Name: "service-instance_i1"}}
	h.director.mu.Lock()
	h.director.configs = config
	h.director.mu.Unlock()
	next := newHarnessOn(t, h.director)
	next.lastOperation("i1", op)
	h.director.mu.Lock()
	defer h.director.mu.Unlock()
	if diff := cmp.Diff(config, h.director.configs); diff != "" {
		t.Error(diff)
	}
}

func TestStartCostsTwoRequestsWhenNothingIsUnderWay(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, id := range []string{"i1", "i2", "i3"} {
		h.created(id, `{}`)
	}
	h.director.asked()
	next := h.restarted()
	if diff := cmp.Diff([]string{"GET /tasks", "GET /tasks"}, h.director.asked()); diff != "" {
		t.Error(diff)
	}
	if n := next.broker.view.count(); n != 0 {
		t.Errorf("%d operations are watched", n)
	}
}

func TestOperationsThatAreNotTakenUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*fakeDirector)
		config func(*config.Config)
	}{
		"overtaken by an operator's deploy": {change: func(f *fakeDirector) {
			f.tasks = append(f.tasks, &fakeTask{Task: director.Task{
				ID: 2, State: director.Done, Description: deploysTask, Deployment: "service-instance_i1", Timestamp: time.Now().Unix(),
			}})
		}},
		"ended days ago": {change: func(f *fakeDirector) { f.tasks[0].Timestamp -= int64(2 * takeUpAge.Seconds()) }},
		"of another offering": {config: func(c *config.Config) {
			c.ServiceCatalog.ID = "other"
		}},
		"with errands of another configuration": {config: func(c *config.Config) {
			c.ServiceCatalog.Plans[1].LifecycleErrands.PostDeploy[0].Name = "other"
		}},
		"failed": {change: func(f *fakeDirector) { f.tasks[0].State = director.Errored }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.accepted(h.provision("i1", withErrands, `{}`))
			h.director.finish(1, director.Done)
			if c.change != nil {
				h.director.mu.Lock()
				c.change(h.director)
				h.director.mu.Unlock()
			}
			before := len(h.director.began())
			var change []func(*config.Config)
			if c.config != nil {
				change = append(change, c.config)
			}
			h.restarted(change...).tick()
			if got := h.director.began(); len(got) != before {
				t.Errorf("tasks: %v", got)
			}
		})
	}
}

func TestTakingUpIsTriedUntilTheDirectorAnswers(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.accepted(h.provision("i1", withErrands, `{}`))
	h.director.finish(1, director.Done)
	next := newHarnessOn(t, h.director)
	h.director.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadRequest)
		return true
	})
	next.broker.view.takeUp(t.Context())
	if next.broker.view.takenUp {
		t.Fatal("nothing can have been taken up")
	}
	h.director.setFault(nil)
	next.broker.view.takeUp(t.Context())
	next.tick()
	next.wantTasks(deploysTask, addonsTask)
}

// TestRunningBrokerAdvancesByItself holds that no poll is needed, with nothing but
// the view's own clock.
func TestRunningBrokerAdvancesByItself(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *config.Config) { c.Broker.TaskPollIntervalMilliseconds = 1 })
	ctx, stop := context.WithCancel(t.Context())
	begun, ended := make(chan struct{}), make(chan struct{})
	var sent, answered atomic.Bool
	h.director.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/errands/apply-addons/runs"):
			sent.Store(true)
		case sent.Load() && answered.CompareAndSwap(false, true):
			close(begun) // whatever the broker asks next
		}
		return false
	})
	go func() {
		defer close(ended)
		h.broker.Watch(ctx)
	}()
	h.accepted(h.provision("i1", withErrands, `{}`))
	h.director.finish(1, director.Done)
	<-begun
	stop()
	<-ended
	h.wantTasks(deploysTask, addonsTask)
}

func TestStepThatAnotherBrokerBeganFirstIsWithdrawn(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	op := h.accepted(h.provision("i1", withErrands, `{}`))
	h.director.finish(1, director.Done)
	raced := false
	inner := h.director.server.Config.Handler
	h.director.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if raced || r.Method != http.MethodPost {
			return false
		}
		raced = true
		h.director.setFault(nil)
		other, _ := http.NewRequestWithContext(r.Context(), http.MethodPost, r.URL.Path, nil)
		other.Header = r.Header
		inner.ServeHTTP(httptest.NewRecorder(), other)
		return false
	})
	h.tick()
	h.wantTasks(deploysTask, addonsTask, addonsTask)
	h.director.mu.Lock()
	states := []director.State{h.director.tasks[1].State, h.director.tasks[2].State}
	h.director.mu.Unlock()
	if diff := cmp.Diff([]director.State{director.Processing, director.Cancelled}, states); diff != "" {
		t.Error(diff)
	}
	h.director.finish(2, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, completed)
}

func TestTasksOfAStepThatWasBegunTwiceCountOnce(t *testing.T) {
	t.Parallel()
	d := operationData{BoshTaskID: 1, BoshContextID: "c", OperationType: opCreate, Errands: []errand{{Name: "a"}, {Name: "b"}}}
	task := func(id int, what string, s director.State) director.Task {
		return director.Task{ID: id, Description: what, State: s, Deployment: "d"}
	}
	deploy, a, b := task(1, deploysTask, director.Done), "run errand a from deployment d", "run errand b from deployment d"
	for name, c := range map[string]struct {
		tasks []director.Task
		want  position
	}{
		"withdrawn":          {[]director.Task{task(2, a, director.Done), task(3, a, director.Cancelled)}, position{outcome: waiting, next: 2, task: task(2, a, director.Done)}},
		"second still there": {[]director.Task{task(2, a, director.Done), task(3, a, director.Cancelling)}, position{outcome: running, task: task(3, a, director.Cancelling)}},
		"both steps":         {[]director.Task{task(2, a, director.Done), task(3, a, director.Cancelled), task(4, b, director.Done)}, position{outcome: succeeded, task: task(4, b, director.Done)}},
		"cancelled for good": {[]director.Task{task(2, a, director.Cancelled)}, position{outcome: failed, task: task(2, a, director.Cancelled)}},
	} {
		got := d.locate(append([]director.Task{deploy}, c.tasks...), func(t director.Task) director.State { return t.State })
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(position{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestViewThatHasNothingToWatchSleeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newTaskView(&Broker{}, time.Second)
		v.takenUp = true
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		v.run(ctx) // a request would panic: there is no Director
	})
}
