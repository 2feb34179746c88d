package director_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// interrupted is a Director that was stopped while a task was at a step, and started again.
type interrupted struct {
	*bench
	task   int
	events string // of the task, when it was stopped
}

// interrupt deploys d1 if before says so, begins a task, stops the Director at the step as kill -9
// does, and starts one that resumes tasks.
func interrupt(t *testing.T, before bool, step machine.Step, begin func(*bench) answer) interrupted {
	t.Helper()
	dir := t.TempDir()
	if before {
		b := start(t, setup{dir: dir})
		b.deploy(d1, "", "done")
		b.close()
	}
	g := newGate(step)
	b := start(t, setup{dir: dir, machines: machine.Options{Fault: g.fault}})
	id := b.accepted(begin(b))
	<-g.reached
	events := b.events(id)
	b.patience = 0
	b.close()
	return interrupted{start(t, setup{dir: dir, resume: true}), id, events}
}

func postD1(b *bench) answer { return b.do("POST", "/deployments", d1, "Content-Type", "text/yaml") }

// ended is the resumed task at its end; its events go on where they stopped.
func (i interrupted) ended(state string) task {
	i.Helper()
	ended := i.finish(i.task)
	if ended.State != state {
		i.Fatalf("the task ended %+v\n%s", ended, i.bench.events(i.task))
	}
	if now := i.bench.events(i.task); !strings.HasPrefix(now, i.events) {
		i.Errorf("the events of the first run are gone: %s", now)
	}
	return ended
}

// holds compares the deployment with one that nothing has interrupted.
func (i interrupted) holdsD1() {
	i.Helper()
	groups, addresses := map[string]int{}, map[any]bool{}
	for _, vm := range i.list("/deployments/d1/vms") {
		groups[vm["job"].(string)]++
		addresses[vm["ips"].([]any)[0]] = true
	}
	if diff := cmp.Diff(map[string]int{"master": 1, "worker": 4}, groups); diff != "" {
		i.Error(diff)
	}
	if len(addresses) != 5 {
		i.Errorf("5 machines have %d addresses", len(addresses))
	}
	if locks := i.get("/locks"); locks != "[]" {
		i.Errorf("locks are left: %s", locks)
	}
	if task := i.deploy(d1, "", "done"); strings.Contains(i.bench.events(task.ID), "Updating instance") {
		i.Errorf("the resumed deploy left something to do: %s", i.bench.events(task.ID))
	}
}

func TestAResumedDeployEndsAsIfNothingHadHappened(t *testing.T) {
	t.Parallel()
	for _, step := range []machine.Step{
		machine.StepCreate, machine.StepPrepare, machine.StepApply, machine.Step(machine.PreStart),
		machine.StepStart, machine.StepState, machine.Step(machine.PostStart),
	} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			i := interrupt(t, false, step, postD1)
			i.ended("done")
			i.holdsD1()
		})
	}
}

func TestAResumedDeployFinishesWhatItWasToRemove(t *testing.T) {
	t.Parallel()
	more := strings.Replace(d1, "instances: 4", "instances: 6", 1)
	for _, step := range []machine.Step{machine.Step(machine.Drain), machine.StepStop, machine.StepDelete} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			b := start(t, setup{dir: dir})
			b.deploy(more, "", "done")
			b.close()
			g := newGate(step)
			b = start(t, setup{dir: dir, machines: machine.Options{Fault: g.fault}})
			id := b.accepted(postD1(b))
			<-g.reached
			events := b.events(id)
			b.patience = 0
			b.close()
			i := interrupted{start(t, setup{dir: dir, resume: true}), id, events}
			i.ended("done")
			i.holdsD1()
		})
	}
}

func TestAResumedDeletionLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, step := range []machine.Step{machine.Step(machine.PreStop), machine.StepStop, machine.StepDelete} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			i := interrupt(t, true, step, func(b *bench) answer { return b.do("DELETE", "/deployments/d1", "") })
			i.ended("done")
			if left := i.get("/deployments"); left != "[]" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

func TestADeletionThatWasDoneButForItsLastWordSucceeds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, setup{dir: dir})
	b.deploy(strings.Replace(d1, "instances: 4", "instances: 0", 1), "", "done")
	b.close()
	g := newGate(machine.StepDelete)
	b = start(t, setup{dir: dir, machines: machine.Options{Fault: g.fault}})
	id := b.accepted(b.do("DELETE", "/deployments/d1", ""))
	<-g.reached
	b.patience = 0
	b.close()
	store, err := state.Open(t.Context(), filepath.Join(dir, "director.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.DeleteDeployment(t.Context(), "d1"), store.Close()); err != nil {
		t.Fatal(err)
	}
	b = start(t, setup{dir: dir, resume: true})
	if ended := b.finish(id); ended.State != "done" {
		t.Errorf("the task ended %+v", ended)
	}
	// A deletion that begins only now is told the truth.
	if a := b.do("DELETE", "/deployments/d1", ""); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAResumedErrandRunsOnceMoreAndHasOneResult(t *testing.T) {
	t.Parallel()
	for _, step := range []machine.Step{machine.StepCreate, machine.StepStart, machine.StepErrand, machine.StepDelete} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			i := interrupt(t, true, step, func(b *bench) answer {
				return b.do("POST", "/deployments/d1/errands/smoke/runs", "{}", "Content-Type", "application/json")
			})
			if ended := i.ended("done"); ended.Result == nil || *ended.Result != "1 succeeded, 0 errored, 0 canceled" {
				t.Errorf("result %v", ended.Result)
			}
			if result := i.output(i.task, "result"); strings.Count(result, `"exit_code":0`) != 1 {
				t.Errorf("result output %q", result)
			}
			i.holdsD1()
		})
	}
}

func TestOnlyDeploysDeletionsAndErrandsAreResumed(t *testing.T) {
	t.Parallel()
	i := interrupt(t, true, machine.Step(machine.PreStop), func(b *bench) answer {
		id := b.list("/deployments/d1/instances")[0]["id"]
		return b.do("POST", fmt.Sprintf("/deployments/d1/instance_groups/master/%v/actions/restart", id), "")
	})
	if ended := i.finish(i.task); ended.State != "error" || ended.Result != nil {
		t.Errorf("the task is %+v", ended)
	}
}
