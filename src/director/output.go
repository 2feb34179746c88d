package director

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/pks-community/pks-release/src/director/session"
)

// output reads one kind of a task's output from a byte on; nil when there is
// nothing (more) yet (§6.1).
func (c *Client) output(ctx context.Context, task int, kind string, from int64) ([]byte, error) {
	r := session.Request{
		Kind: "output", Method: http.MethodGet, Path: taskPath(task) + "/output",
		Query: url.Values{"type": {kind}},
	}
	if from > 0 {
		r.Header = http.Header{"Range": {"bytes=" + strconv.FormatInt(from, 10) + "-"}}
	}
	resp, err := c.read(ctx, c.session, r)
	if resp.Status == http.StatusRequestedRangeNotSatisfiable || resp.Status == http.StatusNoContent {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if from > 0 && resp.Status != http.StatusPartialContent {
		// The whole text, ranges ignored.
		if int64(len(resp.Body)) <= from {
			return nil, nil
		}
		return resp.Body[from:], nil
	}
	return resp.Body, nil
}

// EventOutput reads the event lines of a task from a byte on. The last line may
// be incomplete while the task runs. Needs no more than reading the task.
func (c *Client) EventOutput(ctx context.Context, task int, from int64) ([]byte, error) {
	return c.output(ctx, task, "event", from)
}

// jsonLines decodes one object per line and skips blank lines.
func jsonLines[T any](text []byte) ([]T, error) {
	var all []T
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var one T
		if err := json.Unmarshal(line, &one); err != nil {
			return all, fmt.Errorf("BOSH Director: decode line of output: %w", err)
		}
		all = append(all, one)
	}
	return all, nil
}
