package broker

import (
	"context"
	"net/http"
	"strconv"

	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"

	"github.com/pks-community/pks-release/src/director"
)

// progress is how far an operation has come and what happened since an offset.
type progress struct {
	TaskID  int             `json:"task_id"`
	State   director.State  `json:"state"`
	Percent int             `json:"percent"`
	Offset  int64           `json:"offset"`
	Events  []progressEvent `json:"events"`
}

type progressEvent struct {
	Time     int64    `json:"time"`
	Stage    string   `json:"stage"`
	Tags     []string `json:"tags"`
	Task     string   `json:"task"`
	Index    int      `json:"index"`
	Total    int      `json:"total"`
	State    string   `json:"state"`
	Progress int      `json:"progress"`
	Error    string   `json:"error"`
	Message  string   `json:"message"`
}

// serveProgress tells the events of an operation's tasks after an offset into
// their output: the offset of the answer before, 0 to begin with.
func (b *Broker) serveProgress(w http.ResponseWriter, r *http.Request) {
	ctx, id, query := r.Context(), instanceID(r), r.URL.Query()
	d, err := parseOperation(query.Get("operation"))
	if err != nil {
		respond(w, http.StatusBadRequest, apiresponses.ErrorResponse{Description: "operation: " + err.Error()})
		return
	}
	var from int64
	if text := query.Get("offset"); text != "" {
		if from, err = strconv.ParseInt(text, 10, 64); err != nil || from < 0 {
			respond(w, http.StatusBadRequest, apiresponses.ErrorResponse{Description: "offset: not a number of bytes"})
			return
		}
	}
	p, err := b.progressOf(ctx, id, d, from)
	if err != nil {
		b.respondError(ctx, w, id, d.OperationType, err)
		return
	}
	respond(w, http.StatusOK, p)
}

func (b *Broker) progressOf(ctx context.Context, instanceID string, d operationData, from int64) (progress, error) {
	o, err := b.watched(ctx, instanceID, d)
	if err != nil {
		return progress{}, err
	}
	release, err := o.reading.acquire(ctx, "")
	if err != nil {
		return progress{}, err
	}
	defer release()

	if o.events.meter == nil {
		groups, err := o.instanceGroups(ctx)
		if err != nil {
			return progress{}, err
		}
		o.events.meter = newMeter(d, groups)
	}
	s := o.current() // before the events: what has ended now writes no more of them
	ended := func(task int) bool { return task != s.task.ID || !s.task.State.Running() }
	if err := o.events.follow(ctx, b.director, s.tasks, ended); err != nil {
		return progress{}, err
	}
	p := progress{
		TaskID: s.task.ID, State: s.task.State, Percent: o.events.meter.percent(),
		Offset: o.events.size, Events: []progressEvent{},
	}
	if s.outcome == succeeded {
		p.Percent = 100
	}
	for _, e := range o.events.since(from) {
		p.Events = append(p.Events, shown(e.Event))
	}
	return p, nil
}

// shown is an event in the form of the management API: errors of a step and of
// the whole task stand at the same place.
func shown(e director.Event) progressEvent {
	p := progressEvent{
		Time: e.Time, Stage: e.Stage, Tags: e.Tags, Task: e.Task, Index: e.Index, Total: e.Total,
		State: e.State, Progress: e.Progress, Error: e.Data.Error, Message: e.Message,
	}
	if p.Tags == nil {
		p.Tags = []string{}
	}
	if p.Message == "" {
		p.Message = e.Data.Status
	}
	if e.Failure != nil {
		p.State, p.Error = "failed", e.Failure.Message
	}
	return p
}
