package director_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/machine"
)

// updated lists, in order, which instances a task touched, by stage.
func (b *bench) updated(id int) []string {
	b.Helper()
	var lines []string
	for _, line := range b.script(id) {
		stage, rest, _ := strings.Cut(line, " [")
		if !strings.HasSuffix(line, ": started") || strings.HasPrefix(stage, "Preparing") {
			continue
		}
		_, name, _ := strings.Cut(rest, "/")
		_, name, _ = strings.Cut(name, " ")
		lines = append(lines, stage+" "+strings.TrimSuffix(name, ": started"))
	}
	return lines
}

func TestScalingUpTouchesOnlyTheNewInstance(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	done := b.deploy(strings.Replace(d1, "instances: 4", "instances: 5", 1), "", "done")
	want := []string{"Creating missing vms worker (4)", "Updating instance worker (4) (canary)"}
	if diff := cmp.Diff(want, b.updated(done.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestScalingDownTakesTheHighestIndexesBalancedOverZones(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(strings.Replace(d1, "instances: 4", "instances: 5", 1), "", "done")
	done := b.deploy(strings.Replace(d1, "instances: 4", "instances: 2", 1), "", "done")
	script := b.script(done.ID)
	if got := script[6]; got != "Deleting unneeded instances [worker] 1/3 worker (2): started" && got != "Deleting unneeded instances [worker] 1/3 worker (3): started" {
		t.Errorf("first deletion is %q", got)
	}
	left := map[string]string{}
	for _, i := range b.list("/deployments/d1/instances") {
		if i["job"] == "worker" {
			left[fmt.Sprint(i["index"])] = fmt.Sprint(i["az"])
		}
	}
	if diff := cmp.Diff(map[string]string{"0": "z1", "1": "z2"}, left); diff != "" {
		t.Error(diff)
	}
}

func TestAChangedPropertyRollsOnlyItsGroupZoneByZone(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	cids := b.cids()
	changed := strings.Replace(d1, `{port: 9999, pw: ((ca.certificate))}`, `{port: 1, pw: ((ca.certificate))}`, 1)
	done := b.deploy(changed, "", "done")
	got := b.updated(done.ID)
	want := []string{"Updating instance worker (0) (canary)", "Updating instance worker (2)"}
	if diff := cmp.Diff(want, got[:2]); diff != "" || len(got) != 4 {
		t.Errorf("%s in %q", diff, got)
	}
	if diff := cmp.Diff(cids, b.cids()); diff != "" {
		t.Errorf("machines were replaced: %s", diff)
	}
}

func (b *bench) cids() map[string]string {
	b.Helper()
	cids := map[string]string{}
	for _, vm := range b.list("/deployments/d1/vms") {
		cids[fmt.Sprint(vm["id"])] = fmt.Sprint(vm["cid"])
	}
	return cids
}

func TestAnUndeclaredPropertyChangesNothing(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	done := b.deploy(strings.ReplaceAll(d1, "port: 9999", "port: 9999, prot: 1"), "", "done")
	if got := b.updated(done.ID); got != nil {
		t.Errorf("touched %q", got)
	}
}

func TestANewStemcellReplacesMachinesAndKeepsAddressesAndDisks(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	addresses := func() map[string]any {
		out := map[string]any{}
		for _, vm := range b.list("/deployments/d1/vms") {
			out[fmt.Sprint(vm["id"])] = vm["ips"]
		}
		return out
	}
	before, cids, disk := addresses(), b.cids(), b.get("/deployments/d1/jobs/master/0")
	b.deploy(strings.Replace(d1, "1.500", "1.501", 1), "", "done")
	if diff := cmp.Diff(before, addresses()); diff != "" {
		t.Error(diff)
	}
	for id, cid := range b.cids() {
		if cids[id] == cid {
			t.Errorf("%s still has machine %s", id, cid)
		}
	}
	if diff := cmp.Diff(disk, b.get("/deployments/d1/jobs/master/0")); diff != "" {
		t.Error(diff)
	}
}

func TestGroupsThatLeaveTheManifestAreDeletedFirst(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	done := b.deploy(strings.Replace(d1, "- name: worker", "- name: node", 1), "", "done")
	got := b.updated(done.ID)
	for n, line := range got {
		if wantDelete := n < 4; strings.HasPrefix(line, "Deleting unneeded instances worker") != wantDelete {
			t.Errorf("step %d is %q", n, line)
		}
	}
}

func TestMigratedGroupsKeepTheirInstances(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	before := b.cids()
	b.deploy(strings.Replace(d1, "- name: worker", "- name: node\n  migrated_from: [{name: worker}]", 1), "", "done")
	if diff := cmp.Diff(before, b.cids()); diff != "" {
		t.Error(diff)
	}
	for _, i := range b.list("/deployments/d1/instances") {
		if i["job"] == "worker" {
			t.Errorf("still a worker: %v", i)
		}
	}
}

// failing makes steps of instances fail.
type failing struct {
	mu    sync.Mutex
	steps map[machine.Step]error
	group string
}

func (f *failing) set(step machine.Step, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = map[machine.Step]error{step: err}
}

func (f *failing) fault(_ context.Context, step machine.Step, spec machine.Spec) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.group != "" && f.group != spec.Group {
		return nil
	}
	return f.steps[step]
}

func TestAFailingFirstDeployKeepsItsMachinesAndIsRepairedByTheNext(t *testing.T) {
	t.Parallel()
	var f failing
	b := start(t, setup{machines: machine.Options{Fault: f.fault}})
	f.set("pre-start", errors.New("1 of 1 pre-start scripts failed. Failed Jobs: web."))
	failed := b.deploy(d1, "", "error")
	script := b.script(failed.ID)
	last := script[len(script)-1]
	if !strings.HasPrefix(last, "error 450001 Action Failed get_task: Task ") || !strings.HasSuffix(last, " result: 1 of 1 pre-start scripts failed. Failed Jobs: web.") {
		t.Errorf("last event is %q", last)
	}
	if got := b.get("/deployments/d1"); got != `{"manifest":null}` {
		t.Errorf("manifest is %s", got)
	}
	if vms := b.list("/deployments/d1/vms"); len(vms) != 5 {
		t.Errorf("%d machines, want 5", len(vms))
	}
	for _, i := range b.list("/deployments/d1/instances") {
		if i["expects_vm"] != false {
			t.Errorf("expects_vm of %v", i)
		}
	}
	cids := b.cids()
	f.set("", nil)
	b.deploy(d1, "", "done")
	if diff := cmp.Diff(cids, b.cids()); diff != "" {
		t.Error(diff)
	}
}

func TestJobsThatDoNotComeUpFailTheDeployAfterTheWatchTime(t *testing.T) {
	t.Parallel()
	var f failing
	b := start(t, setup{machines: machine.Options{Fault: f.fault}})
	f.set(machine.StepStart, errors.New("exits at once"))
	failed := b.deploy(strings.ReplaceAll(d1, "1000-5000", "10-50"), "", "error")
	script := b.script(failed.ID)
	if got, want := script[len(script)-1], "error 400007 'master (0)' is not running after update. Review logs for failed jobs: web"; got != want {
		t.Errorf("last event is %q, want %q", got, want)
	}
}

func TestAFailedUpdateKeepsTheOldManifestAndIsRepeatedEvenForIt(t *testing.T) {
	t.Parallel()
	f := failing{group: "worker"}
	b := start(t, setup{machines: machine.Options{Fault: f.fault}})
	b.deploy(d1, "", "done")
	manifest := b.get("/deployments/d1")
	f.set("drain", errors.New("1 of 1 drain scripts failed. Failed Jobs: web."))
	failed := b.deploy(strings.Replace(d1, "{port: 9999, pw: ((ca", "{port: 1, pw: ((ca", 1), "", "error")
	if diff := cmp.Diff([]string{"Updating instance worker (0) (canary)"}, b.updated(failed.ID)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(manifest, b.get("/deployments/d1")); diff != "" {
		t.Error(diff)
	}
	f.set("", nil)
	repaired := b.deploy(d1, "", "done")
	if diff := cmp.Diff([]string{"Updating instance worker (0) (canary)"}, b.updated(repaired.ID)); diff != "" {
		t.Error(diff)
	}
}

// gate holds steps until it is opened.
type gate struct {
	step    machine.Step
	reached chan struct{}
	open    chan struct{}
	once    sync.Once
}

func newGate(step machine.Step) *gate {
	return &gate{step: step, reached: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) fault(ctx context.Context, step machine.Step, _ machine.Spec) error {
	if step != g.step {
		return nil
	}
	g.once.Do(func() { close(g.reached) })
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestCancelStopsADeployInTheMiddleOfADrain(t *testing.T) {
	t.Parallel()
	g := newGate("drain")
	b := start(t, setup{machines: machine.Options{Fault: g.fault}})
	id := b.accepted(b.do("POST", "/deployments", d1, "Content-Type", "text/yaml"))
	<-g.reached
	if a := b.do("DELETE", fmt.Sprintf("/task/%d", id), ""); a.status != http.StatusNoContent {
		t.Fatalf("cancel: %d %s", a.status, a.body)
	}
	cancelled := b.finish(id)
	if cancelled.State != "cancelled" || *cancelled.Result != "task cancelled" {
		t.Errorf("task is %+v", cancelled)
	}
	script := b.script(id)
	want := []string{
		fmt.Sprintf("Updating instance [master] 1/1 master (0) (canary): failed Task %d cancelled", id),
		fmt.Sprintf("error 10001 Task %d cancelled", id),
	}
	if diff := cmp.Diff(want, script[len(script)-2:]); diff != "" {
		t.Error(diff)
	}
	if locks := b.get("/locks"); locks != "[]" {
		t.Errorf("locks are left: %s", locks)
	}
	again := b.do("DELETE", fmt.Sprintf("/task/%d", id), "")
	if want := fmt.Sprintf("Cannot cancel task %d: invalid state (cancelled)", id); again.status != 400 || again.body != want {
		t.Errorf("second cancel: %d %s", again.status, again.body)
	}
	close(g.open)
	b.deploy(d1, "", "done")
}

func TestASecondTaskOnADeploymentWaitsForTheLockAndFails(t *testing.T) {
	t.Parallel()
	g := newGate("drain")
	b := start(t, setup{machines: machine.Options{Fault: g.fault}, timing: director.Timing{Lock: 20 * time.Millisecond}})
	id := b.accepted(b.do("POST", "/deployments", d1, "Content-Type", "text/yaml"))
	<-g.reached
	if got := b.get("/deployments?exclude_configs=true&exclude_releases=true&exclude_stemcells=true"); got != `[{"name":"d1","teams":[],"locked":true}]` {
		t.Errorf("list is %s", got)
	}
	if locks := b.list("/locks"); len(locks) != 1 || locks[0]["task_id"] != fmt.Sprint(id) || locks[0]["type"] != "deployment" {
		t.Errorf("locks are %v", locks)
	}
	for _, second := range []answer{
		b.do("POST", "/deployments", d1, "Content-Type", "text/yaml"),
		b.do("DELETE", "/deployments/d1", ""),
		b.do("POST", "/deployments/d1/errands/chk/runs", "{}"),
	} {
		failed := b.finish(b.accepted(second))
		script := b.script(failed.ID)
		last := script[len(script)-1]
		if failed.State != "error" || !strings.HasPrefix(last, "error 100 Failed to acquire lock for lock:deployment:d1 uid: ") ||
			!strings.HasSuffix(last, fmt.Sprintf("Locking task id is %d, description: 'create deployment'", id)) {
			t.Errorf("%s: %s", failed.State, last)
		}
	}
	close(g.open)
	if done := b.finish(id); done.State != "done" {
		t.Errorf("first task ended %s", done.State)
	}
}

func TestAQueuedTaskThatIsCancelledEndsWhenAWorkerTakesIt(t *testing.T) {
	t.Parallel()
	g := newGate("drain")
	b := start(t, setup{machines: machine.Options{Fault: g.fault}, workers: 1})
	first := b.accepted(b.do("POST", "/deployments", d1, "Content-Type", "text/yaml"))
	<-g.reached
	queued := b.accepted(b.do("POST", "/deployments", strings.Replace(d1, "name: d1", "name: d2", 1), "Content-Type", "text/yaml"))
	if found := b.task(queued); found.State != "queued" || found.Timestamp != nil || found.StartedAt != nil || found.Result != nil {
		t.Errorf("queued task is %+v", found)
	}
	b.do("DELETE", fmt.Sprintf("/task/%d", queued), "")
	if found := b.task(queued); found.State != "cancelling" || found.Timestamp == nil {
		t.Errorf("cancelling task is %+v", found)
	}
	close(g.open)
	b.finish(first)
	if found := b.finish(queued); found.State != "cancelled" || found.StartedAt != nil || *found.Result != "task cancelled" {
		t.Errorf("cancelled task is %+v", found)
	}
	if got, want := strings.Join(b.script(queued), ","), fmt.Sprintf("error 10001 Task %d cancelled", queued); got != want {
		t.Errorf("events are %q, want %q", got, want)
	}
}

func TestDeleteRemovesEverythingButDisksAndVariables(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	done := b.run(b.do("DELETE", "/deployments/d1", ""), "done")
	script := b.script(done.ID)
	want := []string{
		"Removing deployment artifacts [] 1/3 Detaching stemcells: started", "Removing deployment artifacts [] 1/3 Detaching stemcells: finished",
		"Removing deployment artifacts [] 2/3 Detaching releases: started", "Removing deployment artifacts [] 2/3 Detaching releases: finished",
		"Deleting properties [] 1/0 Deleting dynamic disks: started", "Deleting properties [] 1/0 Deleting dynamic disks: finished",
		"Deleting properties [] 2/0 Destroying deployment: started", "Deleting properties [] 2/0 Destroying deployment: finished",
	}
	if diff := cmp.Diff(want, script[len(script)-len(want):]); diff != "" {
		t.Error(diff)
	}
	if got := b.get("/deployments"); got != "[]" {
		t.Errorf("deployments are %s", got)
	}
	if disks := b.list("/disks"); len(disks) != 1 || disks[0]["deployment_name"] != "d1" || disks[0]["size"] != 1024.0 {
		t.Errorf("disks are %v", disks)
	}
	if _, err := b.vars.Get(t.Context(), "/TestDirector/d1/pw"); err != nil {
		t.Error(err)
	}
	if a := b.do("DELETE", "/deployments/d1", ""); a.status != 404 || a.body != `{"code":70000,"description":"Deployment 'd1' doesn't exist"}` {
		t.Errorf("second delete: %d %s", a.status, a.body)
	}
}

func TestADiskThatIsNotWantedBecomesAnOrphanAndOneThatIsAppears(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	without := strings.Replace(d1, "  persistent_disk_type: d1\n", "", 1)
	b.deploy(without, "", "done")
	if disks := b.list("/disks"); len(disks) != 1 {
		t.Errorf("orphans are %v", disks)
	}
	if got := b.get("/deployments/d1/jobs/master/0"); !strings.HasSuffix(got, `"disks":[]}`) {
		t.Errorf("master is %s", got)
	}
	b.deploy(d1, "", "done")
	if got := b.get("/deployments/d1/jobs/master/0"); strings.HasSuffix(got, `"disks":[]}`) {
		t.Errorf("master is %s", got)
	}
	again := b.deploy(d1, "", "done")
	if got := b.updated(again.ID); got != nil {
		t.Errorf("touched %q", got)
	}
}

func TestSerialFalseUpdatesNeighboursTogether(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	waiting := map[string]bool{}
	both := make(chan struct{})
	b := start(t, setup{machines: machine.Options{Fault: func(ctx context.Context, step machine.Step, spec machine.Spec) error {
		if step != "pre-start" {
			return nil
		}
		mu.Lock()
		waiting[spec.Group] = true
		if len(waiting) == 2 {
			select {
			case <-both:
			default:
				close(both)
			}
		}
		mu.Unlock()
		select {
		case <-both:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}})
	b.deploy(strings.Replace(d1, "update: {canaries", "update: {serial: false, canaries", 1), "", "done")
}

// The workers behind the canary begin together, over all zones: each of them waits
// for the others to have begun, so one at a time would never end.
func TestParallelZonesOnFirstDeploy(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	begun, all := 0, make(chan struct{})
	b := start(t, setup{machines: machine.Options{Fault: func(ctx context.Context, step machine.Step, spec machine.Spec) error {
		if step != "pre-start" || spec.Group != "worker" {
			return nil
		}
		mu.Lock()
		begun++
		canary := begun == 1
		if begun == 4 {
			close(all)
		}
		mu.Unlock()
		if canary {
			return nil
		}
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}})
	manifest := strings.Replace(d1, "max_in_flight: 2", "max_in_flight: 100%, initial_deploy_az_update_strategy: parallel", 1)
	b.deploy(manifest, "", "done")
	if begun != 4 {
		t.Errorf("%d workers began, want 4", begun)
	}
}
