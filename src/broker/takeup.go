package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/director"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	// recentTasks is how many of the Director's latest tasks are looked through for
	// operations that stand between two of their tasks.
	recentTasks = 500
	// takeUpAge is how long ago a step may have ended for the next one still to be
	// begun unasked. A poll takes up older ones.
	takeUpAge = 24 * time.Hour
	// cleanUpAge likewise for the cleaning up after a deletion.
	cleanUpAge = time.Hour
	// lookAtOnce bounds the requests of a start.
	lookAtOnce = 8
)

// takeUp finds the operations that a broker before this one began and did not
// bring to their end, whether or not anybody polls for them: by two lists of the
// Director's tasks, and one request more for each operation that is not over.
func (b *Broker) takeUp(ctx context.Context) error {
	live, err := b.director.Tasks(ctx, director.TaskFilter{States: director.RunningStates(), AllTypes: true})
	if err != nil {
		return fmt.Errorf("list the running tasks: %w", err)
	}
	recent, err := b.director.Tasks(ctx, director.TaskFilter{Limit: recentTasks})
	if err != nil {
		return fmt.Errorf("list the latest tasks: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookAtOnce)
	for _, t := range newestOfEach(append(live, recent...)) {
		d, ok := b.recognised(t)
		if !ok || !worthALook(d, t, time.Now()) {
			continue
		}
		group.Go(func() error { return b.takeUpOne(ctx, t, d) })
	}
	return group.Wait()
}

// newestOfEach gives each deployment's latest task that changes it: what came
// before has been overtaken.
func newestOfEach(tasks []director.Task) []director.Task {
	newest := map[string]director.Task{}
	for _, t := range tasks {
		if !strings.HasPrefix(t.Deployment, pks.DeploymentPrefix) || onlyReads(t) {
			continue
		}
		if old, ok := newest[t.Deployment]; !ok || t.ID > old.ID {
			newest[t.Deployment] = t
		}
	}
	all := make([]director.Task, 0, len(newest))
	for _, t := range newest {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b director.Task) int { return a.ID - b.ID })
	return all
}

// recognised makes the operation data of a task anew from the mark in its context
// id: the kind of operation and the errands of one of the plans. When the errands
// were configured otherwise since, nothing fits, and the operation waits for a
// poll, which brings its data along.
func (b *Broker) recognised(t director.Task) (operationData, bool) {
	mark, ok := markOf(t.ContextID)
	if !ok {
		return operationData{}, false
	}
	lists := func(kind operationType) [][]errand {
		all := [][]errand{nil}
		for _, p := range b.config.ServiceCatalog.Plans {
			if kind.deletes() {
				all = append(all, errandsOf(p.LifecycleErrands.PreDelete))
			} else {
				all = append(all, errandsOf(p.LifecycleErrands.PostDeploy))
			}
		}
		return all
	}
	for _, kind := range []operationType{opCreate, opUpdate, opUpgrade, opRecreate, opDelete, opForceDelete} {
		prefix := kind
		if kind.deletes() {
			prefix = opDelete // one prefix, so that a deletion under way is found by either
		}
		if !inContext(t.ContextID, string(prefix)+"-") {
			continue
		}
		for _, errands := range lists(kind) {
			if operationMark(b.config.ServiceCatalog.ID, kind, errands) == mark {
				return operationData{BoshContextID: t.ContextID, OperationType: kind, Errands: errands}, true
			}
		}
	}
	return operationData{}, false
}

// worthALook tells whether an operation with this latest task may have something
// left to be done.
func worthALook(d operationData, t director.Task, now time.Time) bool {
	if t.State.Running() {
		return true
	}
	age := now.Sub(time.Unix(t.Timestamp, 0))
	if last := d.steps()[len(d.steps())-1]; t.State == director.Done && last.is(d, t) {
		return d.OperationType.deletes() && age < cleanUpAge
	}
	return age < takeUpAge
}

func (b *Broker) takeUpOne(ctx context.Context, t director.Task, d operationData) error {
	found, err := b.resume(ctx, t.Deployment, t.ContextID)
	if err != nil || found == nil {
		return err
	}
	d.BoshTaskID = found.BoshTaskID
	instanceID := strings.TrimPrefix(t.Deployment, pks.DeploymentPrefix)
	o := newOperation(b, instanceID, d)
	s, err := o.look(ctx)
	if err != nil {
		return fmt.Errorf("look at the operation of task %d: %w", t.ID, err)
	}
	over := s.outcome == failed || s.outcome == lost || (s.outcome == succeeded && !d.OperationType.deletes())
	if over {
		return nil
	}
	if s.outcome == succeeded {
		s.outcome = running // but for the cleaning up, which the next tick does
	}
	o.status = s
	b.view.adopt(o)
	b.logger.InfoContext(ctx, "operation taken up", "cluster", instanceID, "operation", string(d.OperationType), "task", s.task.ID)
	return nil
}
