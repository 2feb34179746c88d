package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/pks-community/pks-release/src/director"
)

// beginStep starts the errand or deletion that is due, in its turn among the
// requests for the instance. It looks again right before, since another process
// may have begun it meanwhile, and right after.
func (o *operation) beginStep(ctx context.Context) (status, error) {
	release, err := o.broker.changes.acquire(ctx, o.instanceID)
	if err != nil {
		return status{}, err
	}
	defer release()
	s, err := o.look(ctx)
	if err != nil || s.outcome != waiting {
		return s, err
	}
	due := o.data.steps()[s.next]
	id, err := o.submit(ctx, due, s.task.ID)
	switch {
	case due.errand == nil && errors.Is(err, director.ErrNotFound):
		s.outcome = succeeded // gone already
		return s, nil
	case forGood(err):
		s.outcome, s.cause = failed, err.Error()
		return s, nil
	case err != nil:
		return status{}, fmt.Errorf("begin the next step: %w", err)
	}
	if o.overtaken(ctx, due, s.task.ID, id) {
		return o.look(ctx)
	}
	o.broker.logger.InfoContext(ctx, "operation goes on",
		"cluster", o.instanceID, "operation", string(o.data.OperationType), "task", id, "after_task", s.task.ID)
	s.outcome = running
	s.task = director.Task{ID: id, State: director.Queued, Deployment: o.deployment, ContextID: o.data.BoshContextID}
	s.tasks = append(s.tasks, id)
	return s, nil
}

func (o *operation) submit(ctx context.Context, due step, after int) (int, error) {
	write := director.Write{ContextID: o.data.BoshContextID, After: after}
	if due.errand != nil {
		return o.broker.runErrand(ctx, o.deployment, *due.errand, write)
	}
	return o.broker.director.Delete(ctx, o.deployment, o.data.OperationType == opForceDelete, write)
}

// overtaken tells whether another process began the same step a moment earlier,
// and then withdraws this process's task: of two, the older stands. Neither can
// act while the other holds the deployment's lock, so that the younger, which has
// just been queued, is gone before its turn comes.
func (o *operation) overtaken(ctx context.Context, due step, after, id int) bool {
	tasks, err := o.broker.tasksOf(ctx, o.deployment, o.data)
	if err != nil {
		o.broker.logger.WarnContext(ctx, "step could not be checked for a second start", "cluster", o.instanceID, "task", id, "error", err)
		return false
	}
	for _, t := range tasks {
		if t.ID <= after || t.ID >= id || t.LockBusy() || !due.is(o.data, t) {
			continue
		}
		err := o.broker.director.Cancel(ctx, id)
		o.broker.logger.WarnContext(ctx, "another broker began this step first: this one's task is withdrawn",
			"cluster", o.instanceID, "task", id, "first_task", t.ID, "error", err)
		return true
	}
	return false
}

// forGood tells the refusals that no repetition will change.
func forGood(err error) bool {
	return errors.Is(err, director.ErrNotFound) || errors.Is(err, director.ErrRefused) || errors.Is(err, director.ErrForbidden)
}

func (b *Broker) runErrand(ctx context.Context, deployment string, e errand, w director.Write) (int, error) {
	var on []director.ErrandInstance
	for _, text := range e.Instances {
		one, err := director.ParseErrandInstance(text)
		if err != nil {
			return 0, err
		}
		on = append(on, one)
	}
	return b.director.RunErrand(ctx, deployment, e.Name, on, w)
}
