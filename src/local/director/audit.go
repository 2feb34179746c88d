package director

import (
	"context"
	"strconv"
	"time"

	"github.com/pks-community/pks-release/src/local/director/state"
)

// audit is an audit event that has begun and may be followed by its end.
type audit struct {
	d     *Director
	event state.Event
}

// audit stores that a task begins something. What cannot be stored is lost, which is logged.
func (t *task) audit(ctx context.Context, action, objectType, objectName, deployment, instance string) *audit {
	a := &audit{d: t.d, event: state.Event{
		Timestamp: time.Now().Unix(), User: t.row.User, Action: action, ObjectType: objectType, ObjectName: objectName,
		Task: strconv.FormatInt(t.row.ID, 10), Deployment: deployment, Instance: instance,
	}}
	a.store(ctx)
	return a
}

// auditDetails stores something that has no end, with details.
func (t *task) auditDetails(ctx context.Context, action, objectType, objectName, deployment string, details map[string]any) {
	(&audit{d: t.d, event: state.Event{
		Timestamp: time.Now().Unix(), User: t.row.User, Action: action, ObjectType: objectType, ObjectName: objectName,
		Task: strconv.FormatInt(t.row.ID, 10), Deployment: deployment, Context: details,
	}}).store(ctx)
}

// audit stores something that a request did by itself.
func (d *Director) audit(ctx context.Context, user, action, objectType, objectName string, failed error) {
	event := state.Event{Timestamp: time.Now().Unix(), User: user, Action: action, ObjectType: objectType, ObjectName: objectName}
	if failed != nil {
		event.Error = failed.Error()
	}
	(&audit{d: d, event: event}).store(ctx)
}

func (a *audit) store(ctx context.Context) {
	if a.d.queue.open.Err() != nil {
		return
	}
	if err := a.d.state.AddEvent(context.WithoutCancel(ctx), &a.event); err != nil {
		a.d.logger.ErrorContext(ctx, "audit event is lost", "error", err)
	}
}

// name says what the event was about, when that is known only at its end.
func (a *audit) name(objectName string) { a.event.ObjectName = objectName }

// end stores how it ended: an event whose parent is the beginning.
func (a *audit) end(ctx context.Context, failed error, details map[string]any) {
	end := a.event
	parent := a.event.ID
	end.ID, end.ParentID, end.Timestamp, end.Context = 0, &parent, time.Now().Unix(), details
	if failed != nil {
		end.Error = failed.Error()
	}
	(&audit{d: a.d, event: end}).store(ctx)
}
