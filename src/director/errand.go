package director

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/pks-community/pks-release/src/director/session"
)

// ErrandInstance picks where an errand runs: a group, or one instance of it.
type ErrandInstance struct {
	Group string `json:"group"`
	ID    string `json:"id,omitempty"` // UUID or index
}

// ParseErrandInstance reads GROUP or GROUP/ID-OR-INDEX.
func ParseErrandInstance(s string) (ErrandInstance, error) {
	group, id, slash := strings.Cut(s, "/")
	if group == "" || (slash && id == "") || strings.Contains(id, "/") {
		//lint:ignore ST1005 the text of reference/on-demand-broker.md §4.3
		return ErrandInstance{}, fmt.Errorf("Must specify pool or instance '%s' in format 'name' or 'name/id-or-index'", s)
	}
	return ErrandInstance{Group: group, ID: id}, nil
}

// RunErrand starts an errand and gives its task. A lost answer is never met with
// a second start: ErrOutcomeUnknown says that no task was found.
func (c *Client) RunErrand(ctx context.Context, deployment, errand string, on []ErrandInstance, w Write) (int, error) {
	if on == nil {
		on = []ErrandInstance{}
	}
	body, err := json.Marshal(struct {
		KeepAlive   bool             `json:"keep-alive"`
		WhenChanged bool             `json:"when-changed"`
		Instances   []ErrandInstance `json:"instances"`
	}{Instances: on})
	if err != nil {
		return 0, fmt.Errorf("encode the run of errand %s: %w", errand, err)
	}
	return c.submit(ctx, submission{
		request: session.Request{
			Kind: "errand", Method: http.MethodPost,
			Path:        deploymentPath(deployment, "errands", url.PathEscape(errand), "runs"),
			ContentType: jsonType, Body: body,
		},
		deployment: deployment, contextID: w.ContextID, after: w.After,
	})
}

// ErrandResult is how an errand ended on one instance. A failed errand is a
// successful task: only the exit code tells (§10).
type ErrandResult struct {
	Instance struct {
		Group string `json:"group"`
		ID    string `json:"id"`
	} `json:"instance"`
	Errand   string `json:"errand_name"`
	ExitCode int    `json:"exit_code"`
	Stdout   string `json:"stdout"`
	Stderr   string `json:"stderr"`
}

// ErrandResults reads the results of an errand's task; none when it was skipped.
func (c *Client) ErrandResults(ctx context.Context, task int) ([]ErrandResult, error) {
	text, err := c.output(ctx, task, "result", 0)
	if err != nil {
		return nil, err
	}
	return jsonLines[ErrandResult](text)
}
