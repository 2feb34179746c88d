package director

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"

	"github.com/pks-community/pks-release/src/director/session"
)

// contextHeader marks the tasks of one operation; at most 64 characters (§8.1).
const contextHeader = "X-Bosh-Context-Id"

// submission is a write that the Director answers with a task.
type submission struct {
	request    session.Request
	deployment string
	contextID  string
	// after is the highest task id that was known before; the write's task is younger.
	after int
	// again: doing the same twice leads to the same state, so that it may be sent
	// again once no task of the first was found.
	again bool
}

const maxSends = 3

// submit sends the write and gives its task. After a lost answer it looks for the
// task by context id and deployment before anything else (§24.1).
func (c *Client) submit(ctx context.Context, s submission) (int, error) {
	r := s.request
	if s.contextID == "" {
		return c.submitOnce(ctx, r)
	}
	r.Header = http.Header{contextHeader: {s.contextID}}
	for send := 1; ; send++ {
		id, err := c.submitOnce(ctx, r)
		switch {
		case err == nil:
			return id, nil
		case errors.Is(err, ErrOutcomeUnknown):
			if id, found := c.reconcile(ctx, s); found {
				return id, nil
			}
			if !s.again || send == maxSends || ctx.Err() != nil {
				return 0, err
			}
		case errors.Is(err, ErrUnavailable) && send < maxSends:
			if n := len(c.pauses.read); n > 0 && pause(ctx, c.pauses.read[min(send, n)-1]) != nil {
				return 0, err
			}
		default:
			return 0, err
		}
	}
}

func (c *Client) reconcile(ctx context.Context, s submission) (int, bool) {
	for _, d := range c.pauses.reconcile {
		if pause(ctx, d) != nil {
			return 0, false
		}
		tasks, err := c.Tasks(ctx, TaskFilter{Deployment: s.deployment, ContextID: s.contextID, AllTypes: true})
		if err == nil && len(tasks) > 0 && tasks[0].ID > s.after {
			return tasks[0].ID, true
		}
	}
	return 0, false
}

func (c *Client) submitOnce(ctx context.Context, r session.Request) (int, error) {
	resp, err := c.session.Do(ctx, r)
	if err := judge(r, resp, err); err != nil {
		return 0, err
	}
	id, err := taskOf(resp)
	if err != nil {
		return 0, &Error{Op: r.Kind, Status: resp.Status, reason: ErrOutcomeUnknown, err: err}
	}
	return id, nil
}

// taskOf takes only the path of the Location: behind some proxies its host or
// port is wrong (§2.3).
func taskOf(resp session.Response) (int, error) {
	if resp.Status != http.StatusFound && resp.Status != http.StatusSeeOther {
		return 0, errors.New("expected a redirect to a task")
	}
	location := resp.Header.Get("Location")
	id, err := strconv.Atoi(path.Base(location))
	if err != nil || id <= 0 {
		return 0, fmt.Errorf("the redirect %q does not name a task", shorten(location))
	}
	return id, nil
}
