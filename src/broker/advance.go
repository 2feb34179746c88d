package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pks-community/pks-release/src/director"
)

// operation is one operation that this broker watches.
type operation struct {
	broker     *Broker
	instanceID string
	deployment string
	data       operationData
	looking    atomic.Bool // an advance started by the view is under way
	turn       keyedLock   // one advance at a time, whoever asks for it

	mu      sync.Mutex
	status  status
	errands map[int]errandEnd // by task: how finished errands ended

	reading keyedLock // one reader of events at a time
	events  eventLog
}

// status is the last that is known of an operation.
type status struct {
	position
	known bool
	tasks []int     // of the operation, oldest first
	cause string    // why it failed, for operators
	at    time.Time // when it settled; zero before
}

func newOperation(b *Broker, instanceID string, d operationData) *operation {
	return &operation{
		broker: b, instanceID: instanceID, deployment: deploymentName(instanceID), data: d,
		errands: map[int]errandEnd{},
	}
}

func (o *operation) current() status {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.status
}

func (o *operation) known() bool { return o.current().known }

func (o *operation) taskID() int { return o.current().task.ID }

func (o *operation) settled() bool {
	_, ok := o.settledAt()
	return ok
}

func (o *operation) settledAt() (time.Time, bool) {
	s := o.current()
	return s.at, !s.at.IsZero()
}

// seen takes in what the list of running tasks says.
func (o *operation) seen(t director.Task) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.status.outcome == running && o.status.task.ID == t.ID {
		o.status.task = t
	}
}

func (o *operation) begin() bool { return o.looking.CompareAndSwap(false, true) }
func (o *operation) end()        { o.looking.Store(false) }

// advance looks at the operation's tasks, begins the next step if one is due, and
// settles the operation at its end. However many call it, each step is begun once:
// callers take turns, and each looks at the Director before it acts.
func (o *operation) advance(ctx context.Context) error {
	release, err := o.turn.acquire(ctx, "")
	if err != nil {
		return err
	}
	defer release()
	if o.settled() {
		return nil
	}
	s, err := o.look(ctx)
	if err != nil {
		return err
	}
	if s.outcome == waiting {
		if s, err = o.beginStep(ctx); err != nil {
			return err
		}
	}
	return o.settle(ctx, s)
}

// look finds the operation's position in the Director's tasks.
func (o *operation) look(ctx context.Context) (status, error) {
	tasks, err := o.broker.tasksOf(ctx, o.deployment, o.data)
	if err != nil {
		return status{}, err
	}
	ends, err := o.errandEnds(ctx, tasks)
	if err != nil {
		return status{}, err
	}
	s := status{known: true}
	for _, t := range tasks {
		if t.ID >= o.data.BoshTaskID {
			s.tasks = append(s.tasks, t.ID)
		}
	}
	slices.Sort(s.tasks)
	s.position = o.data.locate(tasks, func(t director.Task) director.State {
		if end, ok := ends[t.ID]; ok && end.failed != "" {
			return director.Errored
		}
		return t.State
	})
	return s, nil
}

func (b *Broker) tasksOf(ctx context.Context, deployment string, d operationData) ([]director.Task, error) {
	if d.BoshContextID != "" {
		return b.director.Tasks(ctx, director.TaskFilter{Deployment: deployment, ContextID: d.BoshContextID, AllTypes: true})
	}
	t, err := b.director.Task(ctx, d.BoshTaskID)
	if errors.Is(err, director.ErrNotFound) {
		return nil, nil
	}
	return []director.Task{t}, err
}

// settle writes down where the operation is; at its end, after the cleaning up
// that belongs to it.
func (o *operation) settle(ctx context.Context, s status) error {
	if s.outcome == lost {
		var err error
		if s, err = o.deduce(ctx); err != nil {
			return err
		}
	}
	if s.outcome == succeeded && o.data.OperationType.deletes() {
		if err := o.broker.cleanUpDeleted(ctx, o.instanceID); err != nil {
			s.outcome, s.cause = failed, "clean up after the deletion: "+err.Error()
		}
	}
	if s.outcome == failed && s.cause == "" {
		s.cause = o.causeOf(ctx, s.task)
	}
	if err := ctx.Err(); err != nil {
		return err // who asked has gone: nothing of the above may count as the Director's word
	}
	if s.outcome == succeeded || s.outcome == failed {
		s.at = time.Now()
		o.broker.logger.InfoContext(ctx, "operation ended",
			"cluster", o.instanceID, "operation", string(o.data.OperationType), "task", s.task.ID,
			"task_state", string(s.task.State), "cause", s.cause)
	}
	o.mu.Lock()
	o.status = s
	o.mu.Unlock()
	if !s.at.IsZero() {
		o.broker.places.leave(o.instanceID)
		o.broker.telemetry(ctx, "instance", string(o.data.OperationType))
	}
	return nil
}

// deduce decides, when the Director has tidied the tasks away, by what exists.
func (o *operation) deduce(ctx context.Context) (status, error) {
	gone := director.Task{ID: o.data.BoshTaskID}
	d, err := o.broker.director.Deployment(ctx, o.deployment)
	absent := errors.Is(err, director.ErrNotFound)
	switch {
	case err != nil && !absent:
		return status{}, err
	case absent == o.data.OperationType.deletes() && (absent || d.Manifest != nil):
		return status{position: position{outcome: succeeded, task: gone}, known: true}, nil
	}
	return status{
		position: position{outcome: failed, task: gone}, known: true,
		cause: fmt.Sprintf("the Director no longer knows task %d, and the deployment is not in the state that it would have led to", gone.ID),
	}, nil
}

// causeOf is the whole text of why a task failed; the task itself has it cut.
func (o *operation) causeOf(ctx context.Context, t director.Task) string {
	o.mu.Lock()
	end := o.errands[t.ID]
	o.mu.Unlock()
	if end.failed != "" {
		return end.failed
	}
	f, err := o.broker.director.Failure(ctx, t.ID)
	if err == nil && f != nil && f.Message != "" {
		return f.Message
	}
	if t.Result != "" {
		return t.Result
	}
	return "task ended in state " + string(t.State) + " without saying why"
}
