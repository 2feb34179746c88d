package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pks-community/pks-release/src/director"
)

// cancelWait is how long a task may take to end after it was cancelled: it looks
// for the wish at its next check point (reference/director-api.md §5.4).
const cancelWait = 5 * time.Minute

// Where a cancelled operation left the deployment.
const (
	landedAbsent       = "absent"       // there is none
	landedIncomplete   = "incomplete"   // its first deploy never ended well
	landedChanged      = "changed"      // the operation ended before it could be stopped
	landedInconsistent = "inconsistent" // VMs may be between the manifest before and the new one
)

type cancelled struct {
	TaskID     int            `json:"task_id"`
	State      director.State `json:"state"`
	Deployment string         `json:"deployment"`
	Message    string         `json:"message"`
}

// serveCancel cancels what runs for an instance, waits for its end, and says in
// which state the deployment is.
func (b *Broker) serveCancel(w http.ResponseWriter, r *http.Request) {
	id := instanceID(r)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), cancelWait)
	defer cancel()
	result, err := b.cancel(ctx, id)
	if err != nil {
		b.respondError(ctx, w, id, "cancel", err)
		return
	}
	respond(w, http.StatusOK, result)
}

func (b *Broker) cancel(ctx context.Context, instanceID string) (cancelled, error) {
	name := deploymentName(instanceID)
	// No further step may begin while this one is stopped.
	release, err := b.changes.acquire(ctx, instanceID)
	if err != nil {
		return cancelled{}, err
	}
	defer release()
	tasks, err := b.underWay(ctx, name)
	if err != nil {
		return cancelled{}, err
	}
	if len(tasks) == 0 {
		return cancelled{}, refuse(http.StatusConflict, "", "no BOSH task is running for this service instance: there is nothing to cancel")
	}
	var last director.Task
	for _, t := range tasks {
		// Refused: it ended or is being cancelled already; its end is waited for either way.
		err := b.director.Cancel(ctx, t.ID)
		if errors.Is(err, director.ErrForbidden) {
			return cancelled{}, refuse(http.StatusForbidden, "",
				"the broker's BOSH client may not cancel tasks: it needs bosh.admin, a team's admin does not suffice")
		}
		if err != nil && !errors.Is(err, director.ErrRefused) {
			return cancelled{}, fmt.Errorf("cancel task %d: %w", t.ID, err)
		}
	}
	for _, t := range tasks {
		ended, err := b.director.Wait(ctx, t.ID)
		if err != nil {
			return cancelled{}, fmt.Errorf("wait for the end of task %d: %w", t.ID, err)
		}
		if ended.ID > last.ID {
			last = ended
		}
	}
	b.logger.InfoContext(ctx, "operation cancelled", "cluster", instanceID, "task", last.ID, "task_state", string(last.State))
	return b.landed(ctx, name, last)
}

func (b *Broker) landed(ctx context.Context, name string, t director.Task) (cancelled, error) {
	c := cancelled{TaskID: t.ID, State: t.State}
	d, err := b.director.Deployment(ctx, name)
	switch {
	case errors.Is(err, director.ErrNotFound):
		c.Deployment, c.Message = landedAbsent, "the deployment does not exist"
	case err != nil:
		return c, err
	case d.Manifest == nil:
		c.Deployment, c.Message = landedIncomplete, "the first deploy did not end: create it again or delete it"
	case t.State == director.Done:
		c.Deployment, c.Message = landedChanged, "the operation ended before it could be stopped"
	default:
		c.Deployment, c.Message = landedInconsistent, "some VMs may have been changed: repeat the operation or upgrade the instance to make them equal"
	}
	return c, nil
}
