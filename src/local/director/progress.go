package director

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// eventLine is one line of a task's event output (reference/director-api.md §6.2). The order of its
// fields is the Director's.
type eventLine struct {
	Time     int64      `json:"time"`
	Stage    string     `json:"stage"`
	Tags     []string   `json:"tags"`
	Total    *int       `json:"total"`
	Task     string     `json:"task"`
	Index    int        `json:"index"`
	State    string     `json:"state"`
	Progress int        `json:"progress"`
	Data     *eventData `json:"data,omitempty"`
}

type eventData struct {
	Status string `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
}

// remark is a line that belongs to no stage.
type remark struct {
	Time    int64      `json:"time"`
	Type    string     `json:"type,omitempty"`
	Message string     `json:"message,omitempty"`
	Error   *eventFail `json:"error,omitempty"`
}

type eventFail struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// marshalLine is JSON without HTML escapes, which Ruby does not make, and a line end.
func marshalLine(value any) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return b.String(), nil
}

// event writes a line that knows its time. Times never run backwards in an output.
func (t *task) event(line func(now int64) any) {
	t.emitting.Lock()
	defer t.emitting.Unlock()
	text, err := marshalLine(line(time.Now().Unix()))
	if err != nil {
		t.d.logger.Error("task event is lost", "task", t.row.ID, "error", err)
		return
	}
	t.write(state.EventOutput, text)
}

// deprecated and warn write remarks.
func (t *task) deprecated(message string) {
	t.event(func(now int64) any { return remark{Time: now, Type: "deprecation", Message: message} })
}

func (t *task) warn(message string) {
	t.event(func(now int64) any { return remark{Time: now, Type: "warning", Message: message} })
}

// warnOnce writes a remark that no other one of the task repeats.
func (t *task) warnOnce(message string) {
	if _, known := t.warned.LoadOrStore(message, true); known {
		return
	}
	t.debug("WARN", "DirectorJobRunner", message)
	t.warn(message)
}

// failed writes the last line of a failed or cancelled task.
func (t *task) failed(problem *fault.Error) {
	t.event(func(now int64) any {
		return remark{Time: now, Error: &eventFail{Code: problem.Code, Message: problem.Message}}
	})
	t.debug("ERROR", "DirectorJobRunner", problem.Message)
}

// noTotal is the total of stages whose length the Director does not tell.
const noTotal = -1

// stage is a group of steps in a task's events.
type stage struct {
	t     *task
	name  string
	tags  []string
	total *int

	mu    sync.Mutex
	steps int
}

// stage opens a stage of total steps.
func (t *task) stage(name string, tags []string, total int) *stage {
	if tags == nil {
		tags = []string{}
	}
	s := &stage{t: t, name: name, tags: tags}
	if total != noTotal {
		s.total = &total
	}
	return s
}

// step is one step of a stage.
type step struct {
	stage *stage
	name  string
	index int
}

// run does one step: it writes started, and finished or failed.
func (s *stage) run(ctx context.Context, name string, do func(*step) error) error {
	s.mu.Lock()
	s.steps++
	st := &step{stage: s, name: name, index: s.steps}
	s.mu.Unlock()
	st.line("started", 0, nil)
	if err := do(st); err != nil {
		problem := s.t.explain(ctx, err)
		st.line("failed", 100, &eventData{Error: problem.Message})
		return err
	}
	st.line("finished", 100, nil)
	return nil
}

// note does a step that only has a name.
func (s *stage) note(ctx context.Context, name string) error {
	return s.run(ctx, name, func(*step) error { return ctx.Err() })
}

// at writes how far a step is.
func (st *step) at(progress int, status string) {
	st.line("in_progress", progress, &eventData{Status: status})
}

func (st *step) line(what string, progress int, data *eventData) {
	st.stage.t.event(func(now int64) any {
		return eventLine{
			Time: now, Stage: st.stage.name, Tags: st.stage.tags, Total: st.stage.total, Task: st.name,
			Index: st.index, State: what, Progress: progress, Data: data,
		}
	})
}

// instanceStep is the name of an instance in events.
func instanceStep(i *state.Instance) string { return fmt.Sprintf("%s (%d)", i.Slug(), i.Index) }
