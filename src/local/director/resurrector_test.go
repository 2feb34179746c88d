package director_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/machine"
)

// quick waits for silent agents only for a moment.
func quick() director.Timing {
	return director.Timing{Agent: 4 * time.Millisecond, Resurrect: time.Millisecond}
}

// resurrections are the tasks of the resurrector, oldest first.
func (b *bench) resurrections() []task {
	b.Helper()
	var found []task
	for _, one := range b.list("/tasks?verbose=2&limit=1000") {
		if one["description"] == "scan and fix" {
			if one["user"] != "hm" {
				b.Errorf("task of user %v", one["user"])
			}
			found = append(found, b.task(int(one["id"].(float64))))
		}
	}
	slices.Reverse(found)
	return found
}

// eventually waits until ok.
func (b *bench) eventually(what string, ok func() bool) {
	b.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			b.Fatalf("%s: it does not happen; tasks %+v", what, b.resurrections())
		}
	}
}

// cidOf is the id and the machine of an instance of d1.
func (b *bench) cidOf(group string, index int) (id, cid string) {
	b.Helper()
	for _, vm := range b.list("/deployments/d1/vms") {
		if vm["job"] == group && vm["index"] == float64(index) {
			return vm["id"].(string), vm["cid"].(string)
		}
	}
	return "", ""
}

func (b *bench) kill(cid string) {
	b.Helper()
	if err := b.machines.Kill(b.Context(), cid); err != nil {
		b.Fatal(err)
	}
}

func TestADeadMachineIsReplacedWithTheSameAddressDiskAndRecords(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	made := map[string][]machine.Spec{}
	b := start(t, setup{timing: quick(), machines: machine.Options{Fault: func(_ context.Context, step machine.Step, spec machine.Spec) error {
		if step == machine.StepCreate {
			mu.Lock()
			defer mu.Unlock()
			made[spec.ID] = append(made[spec.ID], spec)
		}
		return nil
	}}})
	b.deploy(d1, "", "done")
	id, cid := b.cidOf("master", 0)
	before := b.cids()
	b.kill(cid)
	b.eventually("replace", func() bool {
		tasks := b.resurrections()
		return len(tasks) == 1 && tasks[0].State == "done"
	})
	after := b.cids()
	if after[id] == cid || after[id] == "" {
		t.Errorf("machine %s is now %q", cid, after[id])
	}
	delete(before, id)
	delete(after, id)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("other machines changed: %s", diff)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(made[id]) != 2 {
		t.Fatalf("%d machines were made", len(made[id]))
	}
	first, second := made[id][0], made[id][1]
	for _, spec := range []*machine.Spec{&first, &second} {
		spec.AgentID = "" // new with each machine
	}
	if first.DiskCID == "" || len(first.Records) == 0 {
		t.Errorf("the first machine was told disk %q and records %v", first.DiskCID, first.Records)
	}
	if diff := cmp.Diff(fmt.Sprintf("%+v", first), fmt.Sprintf("%+v", second)); diff != "" {
		t.Error(diff)
	}
	if _, still := b.cidOf("master", 0); b.stats("vms")["master/0"]["job_state"] != "running" || still == "" {
		t.Errorf("the master is %v", b.stats("vms")["master/0"])
	}
}

func TestSeveralDeadMachinesAreReplacedByOneTask(t *testing.T) {
	t.Parallel()
	b := start(t, setup{timing: quick(), workers: 3})
	b.deploy(d1, "", "done")
	b.do("PUT", "/resurrection", `{"resurrection_paused":true}`, "Content-Type", "application/json")
	_, one := b.cidOf("worker", 1)
	_, other := b.cidOf("worker", 2)
	b.kill(one)
	b.kill(other)
	if tasks := b.resurrections(); len(tasks) != 0 {
		t.Errorf("a paused resurrector made %+v", tasks)
	}
	b.do("PUT", "/resurrection", `{"resurrection_paused":false}`, "Content-Type", "application/json")
	b.eventually("replace", func() bool {
		tasks := b.resurrections()
		return len(tasks) == 1 && tasks[0].State == "done"
	})
	if cids := slices.Collect(maps.Values(b.cids())); slices.Contains(cids, one) || slices.Contains(cids, other) || len(cids) != 5 {
		t.Errorf("machines are %v", cids)
	}
}

func TestARunningDeployComesBeforeTheResurrector(t *testing.T) {
	t.Parallel()
	g := newGate("delete")
	b := start(t, setup{timing: quick(), machines: machine.Options{Fault: g.fault}})
	b.deploy(d1, "", "done")
	id := b.accepted(b.do("PUT", "/deployments/d1/jobs/master/0?state=recreate", "", "Content-Type", "text/yaml"))
	<-g.reached
	_, cid := b.cidOf("master", 0)
	b.kill(cid)
	close(g.open)
	if ended := b.finish(id); ended.State != "done" {
		t.Fatalf("the deploy ended %+v\n%s", ended, b.events(id))
	}
	// A second death is handled after the first one was looked into, so its task is the only one.
	_, cid = b.cidOf("worker", 0)
	b.kill(cid)
	b.eventually("replace", func() bool {
		tasks := b.resurrections()
		return len(tasks) > 0 && tasks[len(tasks)-1].State == "done"
	})
	if tasks := b.resurrections(); len(tasks) != 1 || !strings.Contains(b.events(tasks[0].ID), "worker/") {
		t.Errorf("tasks are %+v", tasks)
	}
}

func TestAMachineThatCannotBeReplacedIsNotTriedForEver(t *testing.T) {
	t.Parallel()
	var broken sync.Map
	b := start(t, setup{timing: quick(), machines: machine.Options{Fault: func(_ context.Context, step machine.Step, spec machine.Spec) error {
		if _, found := broken.Load(spec.ID); found && step == machine.StepCreate {
			return errors.New("no room")
		}
		return nil
	}}})
	b.deploy(d1, "", "done")
	id, cid := b.cidOf("worker", 3)
	broken.Store(id, true)
	b.kill(cid)
	failed := func(n int) func() bool {
		return func() bool {
			tasks := b.resurrections()
			return len(tasks) == n && tasks[n-1].State == "error"
		}
	}
	b.eventually("five attempts", failed(5))
	b.deploy(conformanceManifest("d2", 1), "", "done") // its end makes the resurrector look again
	if tasks := b.resurrections(); len(tasks) != 5 {
		t.Errorf("%d attempts were made", len(tasks))
	}
	broken.Delete(id)
	b.do("PUT", "/resurrection", `{"resurrection_paused":false}`, "Content-Type", "application/json")
	b.eventually("a new start", func() bool { return b.cids()[id] != "" && b.cids()[id] != cid })
}

func TestWhatNobodyExpectsIsNotReplaced(t *testing.T) {
	t.Parallel()
	b := start(t, setup{timing: quick()})
	b.deploy(d1, "", "done")
	ignored, cid := b.cidOf("worker", 0)
	b.do("PUT", "/deployments/d1/instance_groups/worker/"+ignored+"/ignore", `{"ignore":true}`, "Content-Type", "application/json")
	b.kill(cid)
	b.put("worker/1?state=detached", "done")
	_, cid = b.cidOf("worker", 2)
	b.kill(cid)
	b.eventually("replace", func() bool {
		tasks := b.resurrections()
		return len(tasks) == 1 && tasks[0].State == "done"
	})
	if events := b.events(b.resurrections()[0].ID); strings.Contains(events, ignored) {
		t.Errorf("an ignored instance was replaced: %s", events)
	}
	if got := b.stats("instances")["worker/1"]; got["vm_cid"] != nil {
		t.Errorf("the detached instance is %v", got)
	}
}

func TestWarningsOfTheDriverAreEventsOnce(t *testing.T) {
	t.Parallel()
	b := start(t, setup{machines: machine.Options{Warn: func(spec machine.Spec) []string {
		return []string{"This kind has no pw.", "Group " + spec.Group + " has no port."}
	}}})
	done := b.deploy(d1, "", "done")
	var warnings []string
	for _, line := range b.script(done.ID) {
		if strings.HasPrefix(line, "warning ") {
			warnings = append(warnings, line)
		}
	}
	slices.Sort(warnings)
	want := []string{"warning Group master has no port.", "warning Group worker has no port.", "warning This kind has no pw."}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Error(diff)
	}
	if debug := b.output(done.ID, "debug"); strings.Count(debug, "This kind has no pw.") != 1 {
		t.Errorf("debug output is %s", debug)
	}
}

func TestHooksOfAStopKnowWhatComesNext(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []string
	b := start(t, setup{machines: machine.Options{Script: func(spec machine.Spec, script machine.Script, next machine.Next) {
		if script == machine.Drain || script == machine.PreStart {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprintf("%s/%d %s %s", spec.Group, spec.Index, script, next))
		}
	}}})
	take := func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := slices.DeleteFunc(told, func(s string) bool { return strings.HasSuffix(s, "pre-start ") })
		told = nil
		slices.Sort(out)
		return out
	}
	b.deploy(replace("instances: 4", "instances: 2"), "", "done")
	take()
	steps := []struct {
		do   func()
		want []string
	}{
		{func() { b.put("worker/0?state=restart", "done") }, []string{"worker/0 drain "}},
		{func() { b.put("worker/0?state=recreate", "done") }, []string{"worker/0 drain delete-machine"}},
		{func() { b.put("worker/0?state=stopped", "done") }, []string{"worker/0 drain "}},
		{func() { b.put("worker/0?state=started", "done") }, []string{}},
		{func() { b.put("worker/0?state=detached", "done") }, []string{"worker/0 drain delete-machine"}},
		{func() { b.put("worker/0?state=started", "done") }, []string{}},
		{func() { b.deploy(replace("instances: 4", "instances: 1"), "", "done") }, []string{"worker/1 drain delete-instance"}},
		{func() { b.run(b.do("DELETE", "/deployments/d1", ""), "done") }, []string{"master/0 drain delete-deployment", "worker/0 drain delete-deployment"}},
	}
	for n, s := range steps {
		s.do()
		if diff := cmp.Diff(s.want, take()); diff != "" {
			t.Errorf("step %d: %s", n, diff)
		}
	}
}

// Masters wait for each other: what is dead together must come back together.
func TestMachinesThatDiedTogetherComeBackTogether(t *testing.T) {
	t.Parallel()
	var waiting atomic.Int32
	var armed atomic.Bool
	all := make(chan struct{})
	b := start(t, setup{timing: quick(), machines: machine.Options{Fault: func(ctx context.Context, step machine.Step, spec machine.Spec) error {
		if step != machine.Step(machine.PostStart) || spec.Group != "worker" || !armed.Load() {
			return nil
		}
		if waiting.Add(1) == 4 {
			close(all)
		}
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}})
	b.deploy(d1, "", "done")
	b.do("PUT", "/resurrection", `{"resurrection_paused":true}`, "Content-Type", "application/json")
	for index := range 4 {
		_, cid := b.cidOf("worker", index)
		b.kill(cid)
	}
	armed.Store(true)
	b.do("PUT", "/resurrection", `{"resurrection_paused":false}`, "Content-Type", "application/json")
	b.eventually("all come back", func() bool {
		tasks := b.resurrections()
		return len(tasks) == 1 && tasks[0].State == "done"
	})
	if problems := b.list("/deployments/d1/problems"); len(problems) != 0 {
		t.Errorf("problems are left: %v", problems)
	}
}

func TestOneMachineThatCannotBeReplacedDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	var broken atomic.Value
	broken.Store("")
	b := start(t, setup{timing: director.Timing{Agent: 4 * time.Millisecond, Resurrect: time.Hour}, machines: machine.Options{Fault: func(_ context.Context, step machine.Step, spec machine.Spec) error {
		if step == machine.StepCreate && spec.ID == broken.Load() {
			return errors.New("no room")
		}
		return nil
	}}})
	b.deploy(d1, "", "done")
	b.do("PUT", "/resurrection", `{"resurrection_paused":true}`, "Content-Type", "application/json")
	bad, cid := b.cidOf("worker", 0)
	broken.Store(bad)
	b.kill(cid)
	good, other := b.cidOf("worker", 1)
	b.kill(other)
	b.do("PUT", "/resurrection", `{"resurrection_paused":false}`, "Content-Type", "application/json")
	b.eventually("the attempt ends", func() bool {
		tasks := b.resurrections()
		return len(tasks) == 1 && tasks[0].State == "error"
	})
	if now := b.cids(); now[good] == other || now[good] == "" || now[bad] != "" {
		t.Errorf("machines are %v", now)
	}
}
