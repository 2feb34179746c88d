package director

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/local/director/state"
)

// resurrectorUser is who the resurrector's tasks come from: the client of BOSH's health monitor.
const resurrectorUser = "hm"

const (
	// resurrections is how often the resurrector tries to replace a machine before it gives up.
	resurrections = 5
	// gathering is the part of Timing.Resurrect for which the resurrector waits after a death: what ends
	// several machines does not end them at the same moment, and one task for all is better.
	gathering = 5
	// resurrectionMemory is how long a replaced machine must live for its past to be forgotten.
	resurrectionMemory = 10 * time.Minute
)

// resurrector is the part of BOSH's health monitor that replaces dead machines: it queues a task
// "scan and fix" for the deployment of a machine whose driver reports its death. A task that works on
// the deployment comes first and may replace the machine itself. What does not help is tried again
// after pauses that become longer, and not for ever.
type resurrector struct {
	d    *Director
	wake chan struct{}
	// stop ends the resurrector's goroutine, idle is waited for.
	stop context.CancelFunc
	idle sync.WaitGroup

	mu sync.Mutex
	// reported are the machines whose deaths nobody has looked into.
	reported []string
	// forgiven asks for all cases to be taken up anew.
	forgiven bool

	// cases and tasks belong to the goroutine: cases by instance, and the last task queued for each of
	// their deployments.
	cases map[string]*deathCase
	tasks map[string]int64
}

// deathCase is an instance whose machine has died lately.
type deathCase struct {
	deployment string
	attempts   int
	// last is when the last attempt was, next when there may be another.
	last, next time.Time
}

func newResurrector(d *Director) *resurrector {
	return &resurrector{d: d, wake: make(chan struct{}, 1), stop: func() {}, cases: map[string]*deathCase{}, tasks: map[string]int64{}}
}

// report notes that a machine has died. It returns at once.
func (r *resurrector) report(cid string) {
	r.mu.Lock()
	r.reported = append(r.reported, cid)
	r.mu.Unlock()
	r.nudge()
}

// nudge makes the resurrector look at its cases again.
func (r *resurrector) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *resurrector) start() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.idle.Go(func() { r.run(ctx) })
	r.nudge()
}

func (r *resurrector) close() {
	r.stop()
	r.idle.Wait()
}

func (r *resurrector) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		if wait, again := r.look(ctx); again {
			timer.Reset(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
	}
}

// look goes through all cases. It returns when it wants to look again without having been nudged.
func (r *resurrector) look(ctx context.Context) (wait time.Duration, again bool) {
	if err := r.open(ctx); err != nil {
		return r.failed(ctx, err)
	}
	if len(r.cases) == 0 {
		clear(r.tasks)
		return 0, false
	}
	paused, err := r.d.state.Setting(ctx, settingPaused, "false")
	if err != nil {
		return r.failed(ctx, err)
	}
	if paused == "true" {
		return 0, false // PUT /resurrection nudges
	}
	now := time.Now()
	dead, err := r.dead(ctx, now)
	if err != nil {
		return r.failed(ctx, err)
	}
	for deployment, instances := range dead {
		left := r.untilDue(instances, now)
		if left > 0 {
			if !again || left < wait {
				wait, again = left, true
			}
			continue
		}
		if err := r.resurrect(ctx, deployment, instances, now); err != nil {
			return r.failed(ctx, err)
		}
	}
	return wait, again
}

// dead lists, by deployment, the instances that need other machines and whose deployments no task
// works on.
func (r *resurrector) dead(ctx context.Context, now time.Time) (map[string][]*state.Instance, error) {
	dead := map[string][]*state.Instance{}
	for id, c := range r.cases {
		i, needed, err := r.examine(ctx, id, c, now)
		switch {
		case err != nil:
			return nil, err
		case !needed || c.attempts > resurrections || r.busy(ctx, c.deployment):
		case c.attempts == resurrections:
			c.attempts++
			r.d.logger.ErrorContext(ctx, "dead machine is not replaced any more", "deployment", c.deployment, "instance", i.Slug(),
				"attempts", resurrections, "remedy", "find the cause in the task's debug output, then bosh cck, or bosh update-resurrection on")
		default:
			dead[c.deployment] = append(dead[c.deployment], i)
		}
	}
	return dead, nil
}

// untilDue is the time until the first of the instances may be tried.
func (r *resurrector) untilDue(instances []*state.Instance, now time.Time) time.Duration {
	first := slices.MinFunc(instances, func(a, b *state.Instance) int { return r.cases[a.ID].next.Compare(r.cases[b.ID].next) })
	return r.cases[first.ID].next.Sub(now)
}

func (r *resurrector) failed(ctx context.Context, err error) (time.Duration, bool) {
	if ctx.Err() != nil {
		return 0, false
	}
	r.d.logger.ErrorContext(ctx, "resurrector fails, trying again", "error", err)
	return storeAgain, true
}

// open makes cases of the reported deaths. A machine that no instance has may belong to one that a
// running task is about to store; it is looked at again when a task ends.
func (r *resurrector) open(ctx context.Context) error {
	r.mu.Lock()
	reported, forgiven := r.reported, r.forgiven
	r.reported, r.forgiven = nil, false
	r.mu.Unlock()
	for _, c := range r.cases {
		if forgiven {
			c.attempts, c.next = 0, time.Time{}
		}
	}
	var unknown []string
	for n, cid := range reported {
		i, err := r.d.state.InstanceByVM(ctx, cid)
		switch {
		case errors.Is(err, state.ErrNotFound):
			if r.d.locks.anyHeld("deployment") {
				unknown = append(unknown, cid)
			}
			continue
		case err != nil:
			r.keep(slices.Concat(unknown, reported[n:]))
			return err
		}
		r.d.logger.WarnContext(ctx, "machine died", "deployment", i.Deployment, "instance", i.Slug(), "machine", cid)
		if r.cases[i.ID] == nil {
			r.cases[i.ID] = &deathCase{deployment: i.Deployment, next: time.Now().Add(r.d.config.Timing.Resurrect / gathering)}
		}
	}
	r.keep(unknown)
	return nil
}

func (r *resurrector) keep(cids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reported = append(cids, r.reported...)
}

// examine finds out whether the instance of a case needs another machine, and closes the case when it
// is over.
func (r *resurrector) examine(ctx context.Context, id string, c *deathCase, now time.Time) (i *state.Instance, dead bool, err error) {
	i, err = r.d.state.Instance(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		delete(r.cases, id)
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if !i.Ignored && lacksMachine(i) {
		return i, true, nil
	}
	if !i.Ignored && i.VMCID != "" && i.Digest != "" {
		_, err := r.d.machines.State(ctx, i.VMCID)
		if err != nil && isSilent(err) {
			return i, true, nil
		}
	}
	if now.Sub(c.last) > resurrectionMemory {
		delete(r.cases, id)
	}
	return i, false, nil
}

// lacksMachine tells whether an instance that has been deployed should have a machine and has none.
func lacksMachine(i *state.Instance) bool {
	return i.VMCID == "" && i.Lifecycle == "service" && i.Digest != "" && i.State != state.Detached
}

// busy tells whether a task works, or is about to work, on a deployment. The end of every task nudges.
func (r *resurrector) busy(ctx context.Context, deployment string) bool {
	if r.d.locks.isHeld("deployment", deployment) {
		return true
	}
	id, queued := r.tasks[deployment]
	if !queued {
		return false
	}
	t, err := r.d.state.Task(ctx, id)
	return err == nil && !t.Finished()
}

// resurrect queues the task that replaces those of the machines which are due, or have not been tried
// yet: these have died a moment after the others.
func (r *resurrector) resurrect(ctx context.Context, deployment string, instances []*state.Instance, now time.Time) error {
	row, err := r.d.state.Deployment(ctx, deployment)
	if errors.Is(err, state.ErrNotFound) {
		return nil // deleted this moment, its instances are found missing next time
	}
	if err != nil {
		return err
	}
	instances = slices.DeleteFunc(instances, func(i *state.Instance) bool {
		return r.cases[i.ID].attempts > 0 && r.cases[i.ID].next.After(now)
	})
	payload := fixPayload{Deployment: deployment, Jobs: map[string][]string{}}
	for _, i := range instances {
		payload.Jobs[i.Group] = append(payload.Jobs[i.Group], i.ID)
	}
	id, err := r.d.queue.add(ctx, request{user: resurrectorUser, teams: row.Teams}, typeScanAndFix, "scan and fix", deployment, payload)
	if err != nil {
		return err
	}
	r.tasks[deployment] = id
	for _, i := range instances {
		c := r.cases[i.ID]
		c.last = now
		c.next = now.Add(r.d.config.Timing.Resurrect << (2 * c.attempts))
		c.attempts++
		r.d.logger.WarnContext(ctx, "machine is being replaced", "deployment", deployment, "instance", i.Slug(),
			"task", id, "attempt", c.attempts, "attempts", resurrections)
	}
	return nil
}

// again forgets how often machines have been replaced in vain, and tries anew.
func (r *resurrector) again() {
	r.mu.Lock()
	r.forgiven = true
	r.mu.Unlock()
	r.nudge()
}
