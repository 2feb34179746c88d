package apiclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// UpgradeClusters starts the upgrade of one or many clusters, or joins the task
// that does what is asked already (reference/pks-api.md §13). It returns as soon
// as the API has stored the request.
func (c *Client) UpgradeClusters(ctx context.Context, upgrade v1.UpgradeClustersRequest) (Answer[v1.TaskInfo], error) {
	return call[v1.TaskInfo](ctx, c, request{method: http.MethodPatch, path: []string{"v1", "clusters"}, body: upgrade})
}

// Task reads one task.
func (c *Client) Task(ctx context.Context, id string) (Answer[v1.TaskInfo], error) {
	return call[v1.TaskInfo](ctx, c, request{method: http.MethodGet, path: []string{"v1", "tasks", id}})
}

// Tasks lists at most limit tasks, newest first; limit 0 leaves the number to the
// server.
func (c *Client) Tasks(ctx context.Context, limit int) (Answer[[]v1.TaskInfo], error) {
	var query url.Values
	if limit > 0 {
		query = url.Values{"limit": {strconv.Itoa(limit)}}
	}
	return call[[]v1.TaskInfo](ctx, c, request{method: http.MethodGet, path: []string{"v1", "tasks"}, query: query})
}

// CancelTask leaves out the clusters of a task that have not begun. The answer may
// be empty: servers of other makes give none.
func (c *Client) CancelTask(ctx context.Context, id string) (Answer[v1.TaskInfo], error) {
	return call[v1.TaskInfo](ctx, c, request{method: http.MethodPut, path: []string{"v1", "tasks", id}})
}

// PauseTask lets no further cluster of a task begin until it is resumed.
func (c *Client) PauseTask(ctx context.Context, id string) (Answer[v1.TaskInfo], error) {
	return call[v1.TaskInfo](ctx, c, request{method: http.MethodPost, path: []string{"v1", "tasks", id, "pause"}})
}

// ResumeTask goes on with a task that was paused.
func (c *Client) ResumeTask(ctx context.Context, id string) (Answer[v1.TaskInfo], error) {
	return call[v1.TaskInfo](ctx, c, request{method: http.MethodPost, path: []string{"v1", "tasks", id, "resume"}})
}

// Upgradable is the version of PKS that clusters of the caller could be given;
// empty when all have it.
func (c *Client) Upgradable(ctx context.Context) (string, error) {
	answer, err := call[string](ctx, c, request{method: http.MethodGet, path: []string{"v1", "upgradable"}})
	return answer.Value, err
}
