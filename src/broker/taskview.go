package broker

import (
	"context"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/director"
)

const (
	// tickTimeout bounds the one request of a tick, so that a Director that hangs
	// does not freeze the view for longer.
	tickTimeout = 15 * time.Second
	// advanceTimeout bounds one look at one operation.
	advanceTimeout = 2 * time.Minute
	// takeUpTimeout bounds one search for what was begun before.
	takeUpTimeout = 2 * time.Minute
	// keepSettled is how long a settled operation answers polls from memory.
	keepSettled = 10 * time.Minute
	maxSettled  = 1000
)

// taskView watches the tasks of all operations under way with one request to the
// Director per tick, and moves on those whose task has ended. Polls read it and
// start nothing. With nothing under way it asks for nothing.
type taskView struct {
	broker   *Broker
	interval time.Duration
	wake     chan struct{}
	steps    sync.WaitGroup // advances under way, started by run

	mu         sync.Mutex
	operations map[string]*operation

	takenUp bool // what was begun before this process is watched as well; run's alone
}

func newTaskView(b *Broker, interval time.Duration) *taskView {
	return &taskView{
		broker:     b,
		interval:   interval,
		wake:       make(chan struct{}, 1),
		operations: map[string]*operation{},
	}
}

// track begins to watch an operation. task is what is known of it already; nil
// when only the Director can tell. An operation that is watched stays as it is.
func (v *taskView) track(instanceID string, d operationData, task *director.Task) *operation {
	key := operationKey(instanceID, d)
	v.mu.Lock()
	defer v.mu.Unlock()
	if o, ok := v.operations[key]; ok {
		return o
	}
	o := newOperation(v.broker, instanceID, d)
	if task != nil {
		o.status = status{position: position{outcome: running, task: *task}, known: true, tasks: []int{task.ID}}
	}
	v.operations[key] = o
	v.rouse()
	return o
}

// adopt watches an operation that was found, unless it is watched already.
func (v *taskView) adopt(o *operation) {
	key := operationKey(o.instanceID, o.data)
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.operations[key]; !ok {
		v.operations[key] = o
		v.rouse()
	}
}

func operationKey(instanceID string, d operationData) string { return instanceID + " " + d.String() }

func (v *taskView) rouse() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// unsettled finds the operation of an instance that has not ended, if this broker
// knows of one. It closes the gap between two tasks of one operation, in which the
// Director shows nothing running.
func (v *taskView) unsettled(instanceID string) (operationData, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, o := range v.operations {
		if o.instanceID == instanceID && o.known() && !o.settled() {
			return o.data, true
		}
	}
	return operationData{}, false
}

// count is how many operations are under way.
func (v *taskView) count() int { return len(v.pending()) }

func (v *taskView) pending() []*operation {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []*operation
	for _, o := range v.operations {
		if !o.settled() {
			all = append(all, o)
		}
	}
	return all
}

// takeUp watches what was begun before this process, once.
func (v *taskView) takeUp(ctx context.Context) {
	if v.takenUp {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, takeUpTimeout)
	defer cancel()
	if err := v.broker.takeUp(ctx); err != nil {
		v.broker.logger.WarnContext(ctx, "operations under way could not be taken up yet", "error", err)
		return
	}
	v.takenUp = true
}

// run ticks until ctx ends and then waits for what it started.
func (v *taskView) run(ctx context.Context) {
	defer v.steps.Wait()
	ticker := time.NewTicker(v.interval)
	defer ticker.Stop()
	v.takeUp(ctx)
	for {
		if v.takenUp && v.count() == 0 {
			select {
			case <-ctx.Done():
				return
			case <-v.wake:
			}
			ticker.Reset(v.interval)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			v.takeUp(ctx)
			v.tick(ctx)
		}
	}
}

func (v *taskView) tick(ctx context.Context) {
	v.prune()
	pending := v.pending()
	if len(pending) == 0 {
		return
	}
	listing, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	tasks, err := v.broker.director.Tasks(listing, director.TaskFilter{States: director.RunningStates(), AllTypes: true})
	if err != nil {
		if ctx.Err() == nil {
			v.broker.logger.WarnContext(ctx, "running tasks could not be listed", "error", err)
		}
		return
	}
	alive := make(map[int]director.Task, len(tasks))
	for _, t := range tasks {
		alive[t.ID] = t
	}
	for _, o := range pending {
		if t, ok := alive[o.taskID()]; ok {
			o.seen(t)
			continue
		}
		if !o.begin() {
			continue // still being looked at since an earlier tick
		}
		v.steps.Go(func() {
			defer o.end()
			ctx, cancel := context.WithTimeout(ctx, advanceTimeout)
			defer cancel()
			if err := o.advance(ctx); err != nil && ctx.Err() == nil {
				v.broker.logger.WarnContext(ctx, "operation could not be advanced",
					"cluster", o.instanceID, "operation", string(o.data.OperationType), "task", o.taskID(), "error", err)
			}
		})
	}
}

// prune forgets what ended long ago, and the older half when there are too many.
func (v *taskView) prune() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, keep := range []time.Duration{keepSettled, keepSettled / 10, 0} {
		for key, o := range v.operations {
			if at, ok := o.settledAt(); ok && time.Since(at) > keep {
				delete(v.operations, key)
			}
		}
		if len(v.operations) <= maxSettled {
			return
		}
	}
}
