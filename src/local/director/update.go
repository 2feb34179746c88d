package director

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// updateGroup removes a group's superfluous instances and updates those that changed: canaries one
// by one, then max_in_flight at a time, zone after zone (reference/director-api.md §20.4).
func (p *plan) updateGroup(ctx context.Context, t *task, g *groupPlan) error {
	deleting := t.stage("Deleting unneeded instances", []string{g.Name}, len(g.unneeded))
	slices.SortFunc(g.unneeded, byIndex)
	limit := max(g.Update.MaxInFlight.Of(g.Instances), 1)
	if err := p.d.deleteInstances(ctx, t, deleting, g.unneeded, limit, p.deletion(g.Name)); err != nil {
		return err
	}
	var changed []*instancePlan
	first := true
	for _, i := range g.instances {
		if i.changed() {
			changed = append(changed, i)
		}
		first = first && i.fresh
	}
	if len(changed) == 0 {
		return nil
	}
	updating := t.stage("Updating instance", []string{g.Name}, len(changed))
	zones := byZone(g, changed)
	if first && g.Update.ParallelAZs {
		zones = [][]*instancePlan{slices.Concat(zones...)}
	}
	for n, zone := range zones {
		canaries := 0
		if n == 0 {
			canaries = min(g.Update.Canaries.Of(len(zone)), len(zone))
		}
		if err := p.updateSome(ctx, t, updating, zone[:canaries], g, true); err != nil {
			return err
		}
		if err := p.updateSome(ctx, t, updating, zone[canaries:], g, false); err != nil {
			return err
		}
	}
	return nil
}

// deletion says how instances of a group are deleted.
func (p *plan) deletion(group string) deletion {
	return deletion{stopping: stopping{skipDrain: p.options.skipsDrain(group), next: machine.DeleteInstance}, force: p.options.Fix}
}

// byZone splits instances by zone in the manifest's order; in each the bootstrap instance is first.
func byZone(g *groupPlan, instances []*instancePlan) [][]*instancePlan {
	order := func(i *instancePlan) int { return slices.Index(g.AZs, i.AZ) }
	sorted := slices.Clone(instances)
	slices.SortStableFunc(sorted, func(a, b *instancePlan) int {
		bootstrap := 0
		switch {
		case a.Bootstrap && !b.Bootstrap:
			bootstrap = -1
		case b.Bootstrap && !a.Bootstrap:
			bootstrap = 1
		}
		return cmp.Or(cmp.Compare(order(a), order(b)), bootstrap, cmp.Compare(a.Index, b.Index))
	})
	var zones [][]*instancePlan
	for _, i := range sorted {
		if n := len(zones); n > 0 && zones[n-1][0].AZ == i.AZ {
			zones[n-1] = append(zones[n-1], i)
			continue
		}
		zones = append(zones, []*instancePlan{i})
	}
	return zones
}

// updateSome updates instances, as many at a time as may be. After a failure no other is begun; those
// in work are finished.
func (p *plan) updateSome(ctx context.Context, t *task, updating *stage, instances []*instancePlan, g *groupPlan, canary bool) error {
	var work errgroup.Group
	limit := 1
	if !canary {
		limit = max(g.Update.MaxInFlight.Of(len(instances)), 1)
	}
	work.SetLimit(limit)
	var stop failure
	for _, i := range instances {
		work.Go(func() error {
			if stop.happened() {
				return nil
			}
			name := instanceStep(i.Instance)
			watch := g.Update.UpdateWatch
			if canary {
				name += " (canary)"
				watch = g.Update.CanaryWatch
			}
			return stop.note(updating.run(ctx, name, func(s *step) error { return p.update(ctx, t, s, i, watch) }))
		})
	}
	return work.Wait()
}

// failure remembers that something failed.
type failure struct {
	mu  sync.Mutex
	set bool
}

func (f *failure) happened() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set
}

func (f *failure) note(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set = f.set || err != nil
	return err
}

// update brings one instance to what the plan says.
func (p *plan) update(ctx context.Context, t *task, s *step, i *instancePlan, watch manifest.Watch) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	action := "update"
	switch {
	case i.fresh && !i.Configured:
		action = "create"
	case i.recreate:
		action = "recreate"
	case i.restart:
		action = "restart"
	case i.target() == state.Stopped || i.target() == state.Detached:
		action = "stop"
	case i.was != state.Started:
		action = "start"
	}
	audit := t.audit(ctx, action, "instance", i.Slug(), i.Deployment, i.Slug())
	defer func() { audit.end(ctx, err, nil) }()

	i.Dirty = true
	if err := p.d.state.SaveInstance(ctx, i.Instance); err != nil {
		return err
	}
	switch {
	case i.target() != state.Started:
		err = p.takeDown(ctx, t, s, i)
	case i.was != state.Started:
		err = p.bringUp(ctx, t, s, i, watch, []int{10, 20, 30, 50, 60})
	default:
		if err = p.stopInstance(ctx, t, s, i); err == nil {
			err = p.bringUp(ctx, t, s, i, watch, []int{50, 60, 70, 90, 100})
		}
	}
	if err != nil {
		return err
	}
	i.Dirty = false
	i.State = i.target()
	return p.d.state.SaveInstance(ctx, i.Instance)
}

// takeDown stops an instance, and removes its machine when it is to be detached.
func (p *plan) takeDown(ctx context.Context, t *task, s *step, i *instancePlan) error {
	if i.VMCID == "" {
		return nil
	}
	if i.was == state.Started {
		if err := p.stopInstance(ctx, t, s, i); err != nil {
			return err
		}
	}
	switch {
	case i.target() == state.Detached:
		return p.d.deleteMachine(ctx, t, i.Instance)
	case i.replacesMachine():
		if err := p.d.deleteMachine(ctx, t, i.Instance); err != nil {
			return err
		}
		return p.createMachine(ctx, t, i)
	}
	return nil
}

// stopInstance drains and stops an instance's jobs.
func (p *plan) stopInstance(ctx context.Context, t *task, s *step, i *instancePlan) error {
	if i.VMCID == "" || p.dead[i.ID] {
		return nil
	}
	next := machine.Stay
	if i.replacesMachine() || i.target() == state.Detached {
		next = machine.DeleteMachine
	}
	return p.d.stop(ctx, t, i.Instance, stopping{skipDrain: p.options.skipsDrain(i.Group), next: next}, s.at)
}

// stopping says how an instance is stopped, and what for.
type stopping struct {
	skipDrain bool
	next      machine.Next
}

// stop drains and stops an instance's jobs and reports how far it is.
func (d *Director) stop(ctx context.Context, t *task, i *state.Instance, how stopping, at func(int, string)) error {
	script := func(script machine.Script) error {
		return d.agent(t, i, "run_script "+string(script), d.machines.RunScript(ctx, i.VMCID, script, how.next))
	}
	if how.skipDrain {
		at(10, "skipped pre-stop & drain")
	} else {
		at(5, "executing pre-stop")
		if err := script(machine.PreStop); err != nil {
			return err
		}
		at(10, "executing drain")
		if err := script(machine.Drain); err != nil {
			return err
		}
	}
	at(30, "stopping jobs")
	if err := d.agent(t, i, "stop", d.machines.Stop(ctx, i.VMCID)); err != nil {
		return err
	}
	at(40, "executing post-stop")
	return script(machine.PostStop)
}

// bringUp configures and starts an instance, on another machine when it needs one. The five progress
// figures belong to the five things it reports.
func (p *plan) bringUp(ctx context.Context, t *task, s *step, i *instancePlan, watch manifest.Watch, progress []int) error {
	if i.replacesMachine() {
		if err := p.d.deleteMachine(ctx, t, i.Instance); err != nil {
			return err
		}
	}
	if i.VMCID == "" {
		if err := p.createMachine(ctx, t, i); err != nil {
			return err
		}
	}
	if err := p.fitDisk(ctx, t, i); err != nil {
		return err
	}
	spec := p.complete(i)
	s.at(progress[0], "installing packages")
	if err := p.d.agent(t, i.Instance, "prepare", p.d.machines.Prepare(ctx, i.VMCID, spec)); err != nil {
		return err
	}
	s.at(progress[1], "configuring jobs")
	if err := p.d.configure(ctx, t, i.Instance, spec); err != nil {
		return err
	}
	if err := p.applied(ctx, i); err != nil {
		return err
	}
	return p.d.start(ctx, t, i.Instance, watch, func(n int, status string) { s.at(progress[n], status) })
}

// configure applies a specification and passes on what the driver warns of.
func (d *Director) configure(ctx context.Context, t *task, i *state.Instance, spec machine.Spec) error {
	warnings, err := d.machines.Apply(ctx, i.VMCID, spec)
	for _, warning := range warnings {
		t.warnOnce(warning)
	}
	return d.agent(t, i, "apply", err)
}

// applied stores what has been applied, so that a restarted Director knows it.
func (p *plan) applied(ctx context.Context, i *instancePlan) error {
	packed, err := packSpec(i.spec, p.vars.versions)
	if err != nil {
		return err
	}
	i.Spec, i.Digest, i.VMType = packed, i.digest, i.group.VMType
	i.Jobs = []string{}
	for _, job := range i.spec.Jobs {
		i.Jobs = append(i.Jobs, job.Name)
	}
	i.State = state.Started
	return p.d.state.SaveInstance(ctx, i.Instance)
}

// start starts an instance's jobs and waits until they run. at is called with 2, 3 and 4.
func (d *Director) start(ctx context.Context, t *task, i *state.Instance, watch manifest.Watch, at func(int, string)) error {
	at(2, "executing pre-start")
	if err := d.agent(t, i, "run_script pre-start", d.machines.RunScript(ctx, i.VMCID, machine.PreStart, machine.Stay)); err != nil {
		return err
	}
	at(3, "starting jobs")
	if err := d.agent(t, i, "start", d.machines.Start(ctx, i.VMCID)); err != nil {
		return err
	}
	if err := d.awaitRunning(ctx, i, watch); err != nil {
		return err
	}
	at(4, "executing post-start")
	if err := d.agent(t, i, "run_script post-start", d.machines.RunScript(ctx, i.VMCID, machine.PostStart, machine.Stay)); err != nil {
		return err
	}
	i.Configured = true
	return nil
}

// awaitRunning looks at an instance until its jobs run or the time of watch is over.
func (d *Director) awaitRunning(ctx context.Context, i *state.Instance, watch manifest.Watch) error {
	deadline := time.Now().Add(watch.To)
	wait := time.Duration(0)
	for {
		if err := pause(ctx, wait); err != nil {
			return err
		}
		s, err := d.machines.State(ctx, i.VMCID)
		if err != nil && !isSilent(err) {
			return fmt.Errorf("look at %s: %w", i.Slug(), err)
		}
		if err == nil && s.Job == machine.JobRunning {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			if err != nil {
				return d.silent(i, "get_state")
			}
			return notRunning(i, s)
		}
		wait = min(d.config.Timing.Watch, left)
	}
}

// agent notes a call to an agent and turns its error into the Director's.
func (d *Director) agent(t *task, i *state.Instance, method string, err error) error {
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	}
	t.debug("DEBUG", "DirectorJobRunner", fmt.Sprintf("agent %s of %s: %s: %s", i.AgentID, i.Slug(), method, outcome))
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isSilent(err):
		return d.silent(i, method)
	default:
		return scriptFailed(i, err)
	}
}
