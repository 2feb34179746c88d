package director

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/director/session"
)

// State is the state of a task (§5.2).
type State string

const (
	Queued     State = "queued"
	Processing State = "processing"
	Cancelling State = "cancelling"
	Cancelled  State = "cancelled"
	Done       State = "done"
	Errored    State = "error"
	TimedOut   State = "timeout"
)

// Running tells whether the task may still act. A cancelling task may.
func (s State) Running() bool {
	return s == Queued || s == Processing || s == Cancelling
}

// Known tells whether the state is one that a Director is known to give.
func (s State) Known() bool {
	return s.Running() || s == Cancelled || s == Done || s == Errored || s == TimedOut
}

// RunningStates are the states in which a task holds, or will want, its deployment.
func RunningStates() []State { return []State{Queued, Processing, Cancelling} }

// Task is one unit of the Director's work.
type Task struct {
	ID          int    `json:"id"`
	State       State  `json:"state"`
	Description string `json:"description"`
	StartedAt   int64  `json:"started_at"` // Unix seconds; 0 while queued
	Timestamp   int64  `json:"timestamp"`  // of the end; 0 before
	Result      string `json:"result"`     // cut at about 128 characters when it is an error
	User        string `json:"user"`
	Deployment  string `json:"deployment"`
	ContextID   string `json:"context_id"`
}

const errandTask = "run errand "

// Errand is the errand that the task runs, if it is one (§5.5).
func (t Task) Errand() (name string, ok bool) {
	rest, ok := strings.CutPrefix(t.Description, errandTask)
	if !ok {
		return "", false
	}
	return strings.TrimSuffix(rest, " from deployment "+t.Deployment), true
}

// Deletes tells whether the task deletes a deployment.
func (t Task) Deletes() bool { return strings.HasPrefix(t.Description, "delete deployment") }

// Deploys tells whether the task creates or changes a deployment.
func (t Task) Deploys() bool { return t.Description == "create deployment" }

// LockBusy tells whether the task did nothing but find its deployment's lock
// held by another task (§19.2, §21.5).
func (t Task) LockBusy() bool {
	return t.State == Errored && strings.HasPrefix(t.Result, "Failed to acquire lock")
}

// Task fetches one task; ErrNotFound after the Director tidied it away.
func (c *Client) Task(ctx context.Context, id int) (Task, error) {
	var t Task
	err := c.readJSON(ctx, session.Request{Kind: "task", Path: taskPath(id)}, &t)
	return t, err
}

func taskPath(id int) string { return "/tasks/" + strconv.Itoa(id) }

// TaskFilter narrows a list of tasks. Empty members do not narrow.
type TaskFilter struct {
	Deployment string
	ContextID  string
	States     []State
	Limit      int
	// AllTypes includes reads such as the retrieval of VM vitals.
	AllTypes bool
}

// Tasks lists tasks, newest (highest id) first, whatever order the Director uses.
func (c *Client) Tasks(ctx context.Context, f TaskFilter) ([]Task, error) {
	var tasks []Task
	if err := c.readJSON(ctx, session.Request{Kind: "tasks", Path: "/tasks", Query: f.query()}, &tasks); err != nil {
		return nil, err
	}
	slices.SortFunc(tasks, func(a, b Task) int { return cmp.Compare(b.ID, a.ID) })
	return tasks, nil
}

func (f TaskFilter) query() url.Values {
	q := url.Values{"verbose": {"1"}}
	if f.AllTypes {
		q.Set("verbose", "2")
	}
	if f.Deployment != "" {
		q.Set("deployment", f.Deployment)
	}
	if f.ContextID != "" {
		q.Set("context_id", f.ContextID)
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	if len(f.States) > 0 {
		names := make([]string, len(f.States))
		for i, s := range f.States {
			names[i] = string(s)
		}
		q.Set("state", strings.Join(names, ","))
	}
	return q
}

// Cancel asks for the end of a task. It is a wish: the task ends later, maybe as
// done. ErrRefused: the task was not queued or processing.
func (c *Client) Cancel(ctx context.Context, id int) error {
	r := session.Request{Kind: "cancel", Method: http.MethodDelete, Path: "/task/" + strconv.Itoa(id)}
	resp, err := c.session.Do(ctx, r)
	return judge(r, resp, err)
}

// Wait polls a task until it is no longer running or ctx ends. It is for short
// tasks; long ones are watched, many at a time, by their owner.
func (c *Client) Wait(ctx context.Context, id int) (Task, error) {
	for {
		t, err := c.Task(ctx, id)
		if err != nil || !t.State.Running() {
			return t, err
		}
		if err := pause(ctx, c.pauses.poll); err != nil {
			return t, err
		}
	}
}
