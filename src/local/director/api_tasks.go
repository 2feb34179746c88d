package director

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

func taskRoutes() []route {
	return []route{
		{method: "GET", path: "/tasks", allow: list, handle: (*call).tasks},
		{method: "GET", path: "/tasks/{id}", handle: (*call).oneTask},
		{method: "GET", path: "/tasks/{id}/output", handle: (*call).taskOutput},
		{method: "DELETE", path: "/task/{id}", allow: admin, handle: (*call).cancelTask},
		{method: "POST", path: "/tasks/cancel", media: mediaJSON, allow: admin, handle: (*call).cancelTasks},
	}
}

// taskDocument is a task on the wire; the order of its fields is the Director's.
type taskDocument struct {
	ID          int64   `json:"id"`
	State       string  `json:"state"`
	Description string  `json:"description"`
	Timestamp   *int64  `json:"timestamp"`
	StartedAt   *int64  `json:"started_at"`
	Result      *string `json:"result"`
	User        string  `json:"user"`
	Deployment  *string `json:"deployment"`
	ContextID   string  `json:"context_id"`
}

func newTaskDocument(t state.Task) taskDocument {
	document := taskDocument{
		ID: t.ID, State: t.State, Description: t.Description, StartedAt: t.StartedAt, Result: t.Result, User: t.User,
		Deployment: t.Deployment, ContextID: t.ContextID,
	}
	switch t.State {
	case state.Queued, state.Processing:
	case state.Cancelling:
		document.Timestamp = &t.Touched
	default:
		document.Timestamp = t.EndedAt
	}
	return document
}

func (c *call) tasks() error {
	filter := state.TaskFilter{Deployment: c.query.Get("deployment")}
	if c.query.Has("state") {
		filter.States = strings.Split(c.query.Get("state"), ",")
	}
	if verbose := c.query.Get("verbose"); verbose == "" || verbose == "1" {
		filter.Types = []string{}
		for name, kind := range taskTypes() {
			if kind.listed {
				filter.Types = append(filter.Types, name)
			}
		}
	}
	if c.query.Has("context_id") {
		id := c.query.Get("context_id")
		filter.ContextID = &id
	}
	if c.query.Has("limit") {
		limit, err := strconv.Atoi(c.query.Get("limit"))
		filter.Limit = limit
		if err != nil || limit < 1 {
			filter.Limit = 1
		}
	}
	all := c.has(c.d.readScopes())
	limit := filter.Limit
	if !all {
		filter.Limit = 0
	}
	tasks, err := c.d.state.Tasks(c.r.Context(), filter)
	if err != nil {
		return err
	}
	mine := c.teams("admin")
	documents := []taskDocument{}
	for _, t := range tasks {
		if !all && !slices.ContainsFunc(t.Teams, func(team string) bool { return slices.Contains(mine, team) }) {
			continue
		}
		if limit > 0 && len(documents) == limit {
			break
		}
		documents = append(documents, newTaskDocument(t))
	}
	return c.json(http.StatusOK, documents)
}

// namedTask returns the task in the path. An id that is no number is not foreseen.
func (c *call) namedTask() (state.Task, error) {
	id, err := strconv.ParseInt(c.vars["id"], 10, 64)
	if err != nil {
		return state.Task{}, errEmpty
	}
	t, err := c.d.state.Task(c.r.Context(), id)
	if errors.Is(err, state.ErrNotFound) {
		return state.Task{}, taskNotFound(id)
	}
	return t, err
}

func (c *call) oneTask() error {
	t, err := c.namedTask()
	if err != nil {
		return err
	}
	if err := c.accessTask(t, false); err != nil {
		return err
	}
	return c.json(http.StatusOK, newTaskDocument(t))
}

func (c *call) cancelTask() error {
	t, err := c.namedTask()
	if err != nil {
		return err
	}
	if err := c.d.queue.cancel(c.r.Context(), t); err != nil {
		return err
	}
	return c.nothing()
}

// cancelTasks cancels all tasks that match. Members of a wrong type are ignored.
func (c *call) cancelTasks() error {
	var wish map[string]json.RawMessage
	if err := c.decode(&wish); err != nil {
		return err
	}
	cancellable := []string{state.Queued, state.Processing}
	states := []string{state.Queued}
	if given := texts(wish["states"]); given != nil {
		for _, s := range given {
			if !slices.Contains(cancellable, s) {
				return plain(fmt.Sprintf("%s is not one of the cancellable states: %s", s, strings.Join(cancellable, ", ")))
			}
		}
		states = given
	}
	filter := state.TaskFilter{States: states, Types: texts(wish["types"])}
	_ = json.Unmarshal(wish["deployment"], &filter.Deployment) // a wrong type counts as absent
	tasks, err := c.d.state.Tasks(c.r.Context(), filter)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		var refused *plainError
		if err := c.d.queue.cancel(c.r.Context(), t); err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	return c.nothing()
}

func texts(raw json.RawMessage) []string {
	var out []string
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

// taskOutput answers with a task's output, or a piece of it (reference/director-api.md §6).
func (c *call) taskOutput() error {
	t, err := c.namedTask()
	if err != nil {
		return err
	}
	kind := c.query.Get("type")
	if kind == "" {
		kind = state.DebugOutput
	}
	logs := kind == state.DebugOutput || kind == state.CPIOutput
	switch kind {
	case state.EventOutput, state.ResultOutput, state.DebugOutput, state.CPIOutput, "none":
	default:
		return fault.WithStatus(http.StatusUnauthorized, fault.Unauthorized, "Unknown type %s", kind)
	}
	if err := c.accessTask(t, logs); err != nil {
		return err
	}
	if kind == "none" {
		return c.nothing()
	}
	size, err := c.d.state.OutputSize(c.r.Context(), t.ID, kind)
	if err != nil {
		return err
	}
	if logs && size == 0 {
		return c.nothing()
	}
	from, to, status := byteRange(c.r.Header.Get("Range"), size)
	text, err := c.d.state.Output(c.r.Context(), t.ID, kind, from, to)
	if err != nil {
		return err
	}
	switch status {
	case http.StatusPartialContent:
		c.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
	case http.StatusRequestedRangeNotSatisfiable:
		c.w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		text = []byte("Byte range unsatisfiable")
	}
	if !logs {
		c.text(status, string(text))
		return nil
	}
	c.writeLog(t, status, text)
	return nil
}

// writeLog answers with a log, which a real Director sends from a file.
func (c *call) writeLog(t state.Task, status int, text []byte) {
	const media = "text/plain;charset=utf-8"
	if status == http.StatusRequestedRangeNotSatisfiable {
		c.w.Header().Set("X-Cascade", "pass")
		c.write(status, media, string(text)+"\n")
		return
	}
	c.w.Header().Set("Last-Modified", time.Unix(t.Touched, 0).UTC().Format(http.TimeFormat))
	if status == http.StatusOK {
		c.write(status, media, string(text))
		return
	}
	c.w.Header().Set("Content-Type", media)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(text)
	flush(c.w)
}

// byteRange reads a Range header for a text of the given size. It returns the bytes to send and the
// status; a header that is malformed or asks for several ranges counts as absent.
func byteRange(header string, size int64) (from, to int64, status int) {
	whole := func() (int64, int64, int) { return 0, size, http.StatusOK }
	spec, ok := strings.CutPrefix(strings.TrimSpace(header), "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return whole()
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || first == "" && last == "" {
		return whole()
	}
	number := func(text string) (int64, bool) {
		n, err := strconv.ParseUint(text, 10, 62)
		return int64(n), err == nil // 62 bits fit
	}
	if first == "" {
		n, ok := number(last)
		if !ok {
			return whole()
		}
		if n == 0 || size == 0 {
			return 0, 0, http.StatusRequestedRangeNotSatisfiable
		}
		return max(size-n, 0), size, http.StatusPartialContent
	}
	from, ok = number(first)
	if !ok {
		return whole()
	}
	to = size
	if last != "" {
		n, ok := number(last)
		if !ok || n < from {
			return whole()
		}
		to = min(n+1, size)
	}
	if from >= size {
		return 0, 0, http.StatusRequestedRangeNotSatisfiable
	}
	return from, to, http.StatusPartialContent
}
