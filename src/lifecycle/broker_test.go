package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"sync"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

// fakeBroker behaves as a broker that keeps its promises: the same asked again
// is the same operation. It counts what it has really begun.
type fakeBroker struct {
	mu        sync.Mutex
	instances map[string]*fakeInstance
	tasks     map[string]*fakeTask
	nextTask  int
	begun     []string // "provision ID", in order
	calls     []string
	unbound   []string

	// version is what the broker offers now.
	version  int
	upgraded []string // instances whose upgrade was begun, in order
	// polls is how many looks a task takes.
	polls int
	// script overrules a call, by its name, when it returns an error.
	script func(call string) error
	// taskFails makes tasks end badly with this description.
	taskFails string
	// noProgress: a broker without the additions.
	noProgress bool
	// landing is where a cancel leaves a deployment; inconsistent unless set.
	landing string
	// synchronous: every change is done at once.
	synchronous bool
}

type fakeInstance struct {
	spec    pks.ClusterSpec
	version int       // of what the broker offers, that it was made of
	task    *fakeTask // running, or the last
}

type fakeTask struct {
	id        int
	kind      string
	instance  string
	operation string
	looks     int
	spec      pks.ClusterSpec
	failed    string
	done      bool
}

// effective is what the broker has really begun, in order.
func (b *fakeBroker) effective() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.begun...)
}

func (b *fakeBroker) called() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.calls...)
}

func newFakeBroker() *fakeBroker {
	return &fakeBroker{instances: map[string]*fakeInstance{}, tasks: map[string]*fakeTask{}, polls: 2}
}

// hold makes tasks that end only by a cancel, which leaves the deployment so, and
// that tell nothing meanwhile.
func (b *fakeBroker) hold(landing string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.polls, b.noProgress, b.landing = math.MaxInt, true, landing
}

func (b *fakeBroker) enter(call string) error {
	b.calls = append(b.calls, call)
	if b.script != nil {
		return b.script(call)
	}
	return nil
}

func (b *fakeBroker) begin(kind, id string, spec pks.ClusterSpec) osb.Submission {
	b.nextTask++
	t := &fakeTask{id: b.nextTask, kind: kind, instance: id, operation: fmt.Sprintf("task-%d", b.nextTask), spec: spec, failed: b.taskFails}
	b.tasks[t.operation] = t
	b.begun = append(b.begun, kind)
	b.instances[id].task = t
	if b.synchronous {
		b.end(t)
		return osb.Submission{Done: true}
	}
	return osb.Submission{Operation: t.operation}
}

func (b *fakeBroker) end(t *fakeTask) {
	t.done = true
	if t.failed != "" {
		return
	}
	if t.kind == "deprovision" {
		delete(b.instances, t.instance)
		return
	}
	b.instances[t.instance].spec, b.instances[t.instance].version = t.spec, b.version
}

func (b *fakeBroker) Provision(_ context.Context, in osb.Instance) (osb.Submission, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("provision"); err != nil {
		return osb.Submission{}, err
	}
	if i := b.instances[in.ID]; i != nil {
		if i.task.kind != "provision" || !reflect.DeepEqual(i.task.spec, in.Spec) {
			return osb.Submission{}, &osb.Error{Kind: osb.Conflict, Call: "provision", Status: 409}
		}
		return osb.Submission{Operation: i.task.operation, Done: i.task.done}, nil
	}
	b.instances[in.ID] = &fakeInstance{}
	return b.begin("provision", in.ID, in.Spec), nil
}

func (b *fakeBroker) Update(_ context.Context, in osb.Instance) (osb.Submission, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("update"); err != nil {
		return osb.Submission{}, err
	}
	i := b.instances[in.ID]
	switch {
	case i == nil:
		return osb.Submission{}, &osb.Error{Kind: osb.Gone, Call: "update", Status: 410}
	case !i.task.done && reflect.DeepEqual(i.task.spec, in.Spec):
		return osb.Submission{Operation: i.task.operation}, nil
	case !i.task.done:
		return osb.Submission{}, &osb.Error{Kind: osb.Busy, Call: "update", Status: 422, Code: "ConcurrencyError"}
	case reflect.DeepEqual(i.spec, in.Spec): // no difference: BOSH has nothing to do
		return osb.Submission{Done: true}, nil
	}
	return b.begin("update", in.ID, in.Spec), nil
}

func (b *fakeBroker) Deprovision(_ context.Context, in osb.Instance) (osb.Submission, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("deprovision"); err != nil {
		return osb.Submission{}, err
	}
	i := b.instances[in.ID]
	switch {
	case i == nil:
		return osb.Submission{}, &osb.Error{Kind: osb.Gone, Call: "deprovision", Status: 410}
	case !i.task.done && i.task.kind == "deprovision":
		return osb.Submission{Operation: i.task.operation}, nil
	case !i.task.done:
		return osb.Submission{}, &osb.Error{Kind: osb.Busy, Call: "deprovision", Status: 422, Code: "ConcurrencyError"}
	}
	return b.begin("deprovision", in.ID, pks.ClusterSpec{}), nil
}

func (b *fakeBroker) LastOperation(_ context.Context, in osb.Instance, operation string) (osb.LastOperation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("last operation"); err != nil {
		return osb.LastOperation{}, err
	}
	t := b.tasks[operation]
	if t == nil || t.instance != in.ID {
		return osb.LastOperation{}, &osb.Error{Kind: osb.Fault, Call: "last operation", Status: 500}
	}
	t.looks = min(t.looks+1, b.polls)
	if t.looks >= b.polls && !t.done {
		b.end(t)
	}
	switch {
	case !t.done:
		return osb.LastOperation{State: domain.InProgress}, nil
	case t.failed != "":
		return osb.LastOperation{State: domain.Failed, Description: t.failed}, nil
	default:
		return osb.LastOperation{State: domain.Succeeded}, nil
	}
}

func (b *fakeBroker) Progress(_ context.Context, id, operation string, offset int64) (osb.Progress, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("progress"); err != nil {
		return osb.Progress{}, err
	}
	t := b.tasks[operation]
	if b.noProgress || t == nil || t.instance != id {
		return osb.Progress{}, &osb.Error{Kind: osb.NotFound, Call: "progress", Status: 404}
	}
	p := osb.Progress{TaskID: t.id, State: "processing", Offset: offset, Percent: 100 * t.looks / b.polls}
	for p.Offset < int64(t.looks) {
		p.Offset++
		p.Events = append(p.Events, osb.ProgressEvent{
			Time: 1700000000 + p.Offset, Stage: "Updating instance", Task: fmt.Sprintf("worker/%d", p.Offset),
			Index: int(p.Offset), Total: b.polls, State: "finished", Progress: 100,
		})
	}
	return p, nil
}

func (b *fakeBroker) VMs(_ context.Context, id string) (osb.VMs, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("vms"); err != nil {
		return osb.VMs{}, err
	}
	if b.instances[id] == nil {
		return osb.VMs{}, &osb.Error{Kind: osb.NotFound, Call: "vms", Status: 404}
	}
	return osb.VMs{InstanceGroups: map[string][]netip.Addr{
		"master": {netip.MustParseAddr("10.0.0.2")}, "worker": {netip.MustParseAddr("10.0.0.3")},
	}}, nil
}

func (b *fakeBroker) Bind(_ context.Context, in osb.Binding) (json.RawMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("bind"); err != nil {
		return nil, err
	}
	return json.RawMessage(fmt.Sprintf(`{"user":%q}`, in.User)), nil
}

func (b *fakeBroker) Unbind(_ context.Context, in osb.Binding) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unbound = append(b.unbound, in.ID)
	return b.enter("unbind")
}

// Cancel ends the instance's running task as if BOSH had stopped it half-way.
func (b *fakeBroker) Cancel(_ context.Context, id, _ string) (osb.Cancelled, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("cancel"); err != nil {
		return osb.Cancelled{}, err
	}
	i := b.instances[id]
	if i == nil || i.task.done {
		return osb.Cancelled{}, &osb.Error{Kind: osb.Conflict, Call: "cancel", Status: 409}
	}
	t := i.task
	landing := b.landing
	if landing == "" {
		landing = osb.DeploymentInconsistent
	}
	if landing != osb.DeploymentChanged {
		t.failed = "Task cancelled"
	}
	b.end(t)
	if landing == osb.DeploymentAbsent {
		delete(b.instances, id)
	}
	return osb.Cancelled{TaskID: t.id, State: "cancelled", Deployment: landing}, nil
}

func (b *fakeBroker) Machines(_ context.Context, id string) (osb.Machines, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("machines"); err != nil {
		return osb.Machines{}, err
	}
	return osb.Machines{Machines: []osb.Machine{{Group: "master", ID: id, State: "running"}}}, nil
}

func (b *fakeBroker) Preview(_ context.Context, in osb.Instance) (osb.Preview, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("preview"); err != nil {
		return osb.Preview{}, err
	}
	i := b.instances[in.ID]
	switch {
	case i == nil && in.New:
		i = &fakeInstance{}
	case i == nil:
		return osb.Preview{}, &osb.Error{Kind: osb.Gone, Call: "preview", Status: 410}
	}
	return osb.Preview{
		Diff:   [][]any{{"  instances: " + fmt.Sprint(in.Spec.WorkerInstances), "added"}},
		Groups: []osb.GroupChange{{Name: "worker", Action: "scale", Before: i.spec.WorkerInstances, After: in.Spec.WorkerInstances}},
	}, nil
}
