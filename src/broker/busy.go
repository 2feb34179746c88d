package broker

import (
	"context"
	"fmt"
	"strings"

	"github.com/pks-community/pks-release/src/director"
)

// underWay lists the tasks that hold, or will want, a deployment's lock.
func (b *Broker) underWay(ctx context.Context, deployment string) ([]director.Task, error) {
	tasks, err := b.director.Tasks(ctx, director.TaskFilter{
		Deployment: deployment, States: director.RunningStates(), AllTypes: true,
	})
	if err != nil {
		return nil, fmt.Errorf("list the running tasks of %s: %w", deployment, err)
	}
	changing := tasks[:0]
	for _, t := range tasks {
		if !onlyReads(t) {
			changing = append(changing, t)
		}
	}
	return changing, nil
}

// onlyReads names the tasks that take no lock of their deployment
// (reference/director-api.md §5.5, §17).
func onlyReads(t director.Task) bool {
	for _, prefix := range []string{"retrieve vm-stats", "fetch logs", "ssh:"} {
		if strings.HasPrefix(t.Description, prefix) {
			return true
		}
	}
	return false
}

// idle refuses with ConcurrencyError while anything is under way for the
// instance, except an operation of the given context prefix: that one is given
// back, since the request is a repetition of the one that began it. The caller
// holds the instance's lock.
func (b *Broker) idle(ctx context.Context, instanceID, prefix string) (same *operationData, err error) {
	if d, ok := b.view.unsettled(instanceID); ok {
		if prefix != "" && inContext(d.BoshContextID, prefix) {
			return &d, nil
		}
		return nil, busy()
	}
	tasks, err := b.underWay(ctx, deploymentName(instanceID))
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		if prefix != "" && inContext(t.ContextID, prefix) {
			return b.resume(ctx, deploymentName(instanceID), t.ContextID)
		}
	}
	if len(tasks) > 0 {
		return nil, busy()
	}
	return nil, nil
}

// resume makes the operation data of a context id anew from its tasks. Kind and
// errands are the caller's to fill in; nil when no task is known.
func (b *Broker) resume(ctx context.Context, deployment, contextID string) (*operationData, error) {
	tasks, err := b.director.Tasks(ctx, director.TaskFilter{Deployment: deployment, ContextID: contextID, AllTypes: true})
	if err != nil {
		return nil, fmt.Errorf("list the tasks of context %s: %w", contextID, err)
	}
	if len(tasks) == 0 {
		return nil, nil
	}
	return &operationData{BoshTaskID: tasks[len(tasks)-1].ID, BoshContextID: contextID}, nil
}
