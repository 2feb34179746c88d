package director

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// errCancelled is the cause of a cancelled task's context, errClosing that of a closing Director.
var (
	errCancelled = errors.New("task cancelled")
	errClosing   = errors.New("director is closing")
)

// resultLimit is where the result of a failed task is cut.
const resultLimit = 128

// task is a task while it runs.
type task struct {
	d   *Director
	row state.Task

	// givenUp tells whether the Director has closed while the task runs; from then on the task leaves
	// no trace, as if its process had been killed.
	givenUp func() bool

	// emitting makes taking the time of an event and writing it one step.
	emitting sync.Mutex
	// resumed says that the task has run before, until the Director was stopped.
	resumed bool
	// mu guards sizes, the lengths of the outputs.
	mu    sync.Mutex
	sizes map[string]int64
	// warned holds what has been warned of.
	warned sync.Map
}

// takeUp finds out what an earlier run of the task has left. Every run writes at least one event.
func (t *task) takeUp(ctx context.Context) error {
	t.sizes = map[string]int64{}
	for _, kind := range []string{state.EventOutput, state.ResultOutput, state.DebugOutput, state.CPIOutput} {
		size, err := t.d.state.OutputSize(ctx, t.row.ID, kind)
		if err != nil {
			return err
		}
		t.sizes[kind] = size
	}
	t.resumed = t.sizes[state.EventOutput] > 0
	return nil
}

// work is what a task does. It returns the task's result.
type work func(ctx context.Context, t *task) (result string, err error)

// taskType describes one kind of task.
type taskType struct {
	// name is the Director's, used in filters; listed says that lists show it by default.
	name   string
	listed bool
	// prepare turns the stored payload into work.
	prepare func(d *Director, payload string) (work, error)
}

// typed makes a taskType from a function of a decoded payload.
func typed[P any](name string, listed bool, run func(d *Director, ctx context.Context, t *task, payload P) (string, error)) taskType {
	return taskType{name: name, listed: listed, prepare: func(d *Director, text string) (work, error) {
		var payload P
		if err := json.Unmarshal([]byte(text), &payload); err != nil {
			return nil, fmt.Errorf("read what the task is to do: %w", err)
		}
		return func(ctx context.Context, t *task) (string, error) { return run(d, ctx, t, payload) }, nil
	}}
}

// run does a task's work and stores how it ended. While the Director is closing nothing is stored:
// the task looks as if its process had been killed.
func (t *task) run(ctx context.Context) {
	t.d.logger.InfoContext(ctx, "task started", "task", t.row.ID, "description", t.row.Description)
	begun := time.Now()
	result, err := t.work(ctx)
	if t.givenUp() {
		t.d.logger.WarnContext(ctx, "task given up", "task", t.row.ID, "description", t.row.Description)
		return
	}
	end := state.Done
	if err != nil {
		problem := t.explain(ctx, err)
		end, result = state.Failed, shorten(problem.Message)
		if problem.Code == fault.TaskCancelled {
			end, result = state.Cancelled, "task cancelled"
		}
		t.failed(problem)
	}
	t.debug("INFO", "DirectorJobRunner", fmt.Sprintf("Task took %s to process.", time.Since(begun)))
	if err := t.end(end, result); err != nil {
		t.d.logger.WarnContext(ctx, "task given up", "task", t.row.ID, "error", err)
		return
	}
	t.d.logger.LogAttrs(ctx, slog.LevelInfo, "task ended", slog.Int64("task", t.row.ID), slog.String("state", end),
		slog.Duration("took", time.Since(begun)))
}

// storeAgain is how long the queue waits before it tries again to store something that must not be
// lost: a full disk may have room later, and a task without an end would be waited for until then.
const storeAgain = 500 * time.Millisecond

// end stores how the task ended, even if that takes many tries; only the closing of the Director ends
// them.
func (t *task) end(how, result string) error {
	open := t.d.queue.open
	for {
		err := t.d.state.EndTask(open, t.row.ID, how, &result)
		if err == nil {
			return nil
		}
		t.d.logger.Error("the end of a task is not stored, trying again", "task", t.row.ID, "error", err)
		if pause(open, storeAgain) != nil {
			return err
		}
	}
}

func (t *task) work(ctx context.Context) (string, error) {
	kind, ok := taskTypes()[t.row.Type]
	if !ok {
		return "", fmt.Errorf("unknown type of task '%s'", t.row.Type)
	}
	do, err := kind.prepare(t.d, t.row.Payload)
	if err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return do(ctx, t)
}

// explain turns an error into the one the Director reports. Whatever fails because the task was
// cancelled is reported as that.
func (t *task) explain(ctx context.Context, err error) *fault.Error {
	if errors.Is(context.Cause(ctx), errCancelled) && errors.Is(err, context.Canceled) {
		return fault.New(fault.TaskCancelled, "Task %d cancelled", t.row.ID)
	}
	return fault.From(err)
}

// write appends to one of the task's outputs. What cannot be stored is lost, which is logged; the
// task itself goes on.
func (t *task) write(kind, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.givenUp() {
		return
	}
	if err := t.d.state.AppendOutput(context.Background(), t.row.ID, kind, t.sizes[kind], text); err != nil {
		t.d.logger.Error("task output is lost", "task", t.row.ID, "error", err)
		return
	}
	t.sizes[kind] += int64(len(text))
}

// result appends one JSON value and a line end to the task's result output.
func (t *task) result(value any) error {
	line, err := marshalLine(value)
	if err != nil {
		return fmt.Errorf("write task result: %w", err)
	}
	t.write(state.ResultOutput, line)
	return nil
}

// debug appends a line to the task's debug output.
func (t *task) debug(level, component, message string) {
	now := time.Now().UTC()
	t.write(state.DebugOutput, fmt.Sprintf("%s, [%s #1] [task:%d] %5s -- %s: %s\n",
		level[:1], now.Format("2006-01-02T15:04:05.000000"), t.row.ID, level, component, message))
}

// cpi notes a call to the machines' driver.
func (t *task) cpi(format string, args ...any) {
	t.write(state.CPIOutput, fmt.Sprintf(format, args...)+"\n")
}

// lastWord is the last word of a line.
var lastWord = regexp.MustCompile(`(?m)\s+?(\S+)?$`)

// shorten cuts a long text as the Director cuts results (reference/director-api.md §5.1): the last
// word, which may be cut in half, is dropped, and with it the last one of every other line.
func shorten(text string) string {
	text = strings.TrimSpace(text)
	letters := []rune(text)
	if len(letters) <= resultLimit {
		return text
	}
	return lastWord.ReplaceAllString(string(letters[:resultLimit+1]), "") + "..."
}
