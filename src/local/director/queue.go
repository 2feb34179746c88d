package director

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// queue gives tasks to workers in the order in which they came, without regard to what they work on
// (reference/director-api.md §21.5).
type queue struct {
	d *Director

	mu      sync.Mutex
	wake    *sync.Cond
	waiting []int64
	running map[int64]context.CancelCauseFunc
	closing bool
	idle    sync.WaitGroup

	// open ends when running tasks are given up. It is the parent of every task's context, and what
	// a cancelled task tidies up with.
	open   context.Context
	giveUp context.CancelCauseFunc
}

func newQueue(d *Director, waiting []int64) *queue {
	q := &queue{d: d, waiting: waiting, running: map[int64]context.CancelCauseFunc{}}
	q.wake = sync.NewCond(&q.mu)
	q.open, q.giveUp = context.WithCancelCause(context.Background())
	return q
}

func (q *queue) start(workers int) {
	for range workers {
		q.idle.Go(q.work)
	}
}

// request is what every request that makes a task brings along.
type request struct {
	user, contextID string
	teams           []string
}

// add stores a task and hands it to the workers. It returns its id.
func (q *queue) add(ctx context.Context, r request, kind, description, deployment string, payload any) (int64, error) {
	text, err := json.Marshal(payload)
	if err != nil {
		return 0, fmt.Errorf("store task: %w", err)
	}
	row := state.Task{
		Type: kind, Description: description, User: r.user, ContextID: r.contextID, Teams: r.teams, Payload: string(text),
	}
	if row.Teams == nil {
		row.Teams = []string{}
	}
	if deployment != "" {
		row.Deployment = &deployment
	}
	if err := q.d.state.AddTask(ctx, &row); err != nil {
		return 0, err
	}
	q.hand(row.ID)
	return row.ID, nil
}

// next waits for a task. It returns false when the queue closes.
func (q *queue) next() (int64, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closing {
		q.wake.Wait()
	}
	if q.closing {
		return 0, false
	}
	id := q.waiting[0]
	q.waiting = q.waiting[1:]
	return id, true
}

func (q *queue) work() {
	for {
		id, ok := q.next()
		if !ok {
			return
		}
		if err := q.run(id); err != nil {
			q.d.logger.Error("task does not run, trying again", "task", id, "error", err)
			if pause(q.open, storeAgain) == nil {
				q.hand(id)
			}
		}
	}
}

// hand gives a task to the workers.
func (q *queue) hand(id int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, id)
	q.wake.Signal()
}

func (q *queue) run(id int64) error {
	ctx, cancel := context.WithCancelCause(q.open)
	defer cancel(nil)
	q.mu.Lock()
	if q.closing {
		q.mu.Unlock()
		return nil
	}
	q.running[id] = cancel
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		delete(q.running, id)
		q.mu.Unlock()
		q.d.dead.nudge()
	}()

	if _, err := q.d.state.StartTask(q.open, id); err != nil {
		return err
	}
	row, err := q.d.state.TaskWithPayload(q.open, id)
	if err != nil {
		return err
	}
	if row.State == state.Cancelling { // before anybody took it, or just now
		cancel(errCancelled)
	}
	t := &task{d: q.d, row: row, givenUp: func() bool { return q.open.Err() != nil }}
	if err := t.takeUp(q.open); err != nil {
		return err
	}
	t.run(ctx)
	return nil
}

// cancel asks a task to stop. The task is cancelling from then on, and stops at its next check.
func (q *queue) cancel(ctx context.Context, t state.Task) error {
	changed, err := q.d.state.CancelTask(ctx, t.ID)
	if err != nil {
		return err
	}
	if !changed {
		now, err := q.d.state.Task(ctx, t.ID)
		if err != nil {
			return err
		}
		return plain(fmt.Sprintf("Cannot cancel task %d: invalid state (%s)", t.ID, now.State))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if stop, ok := q.running[t.ID]; ok {
		stop(errCancelled)
	}
	return nil
}

// close lets the workers finish until ctx ends, then stops what still runs.
func (q *queue) close(ctx context.Context) {
	defer q.giveUp(errClosing)
	q.mu.Lock()
	q.closing = true
	q.wake.Broadcast()
	q.mu.Unlock()
	done := make(chan struct{})
	go func() {
		q.idle.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	q.giveUp(errClosing)
	<-done
}

// taskNotFound is the answer for a task that nobody knows.
func taskNotFound(id int64) error {
	return fault.NotFound(fault.TaskNotFound, "Task %d not found", id)
}
