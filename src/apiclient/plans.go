package apiclient

import (
	"context"
	"net/http"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// Plans lists the sizes of cluster that are offered.
func (c *Client) Plans(ctx context.Context) (Answer[[]v1.Plan], error) {
	return call[[]v1.Plan](ctx, c, request{method: http.MethodGet, path: []string{"v1", "plans"}})
}

// Info asks, without a token, for what must be known before a login.
func (c *Client) Info(ctx context.Context) (v1.Info, error) {
	answer, err := call[v1.Info](ctx, c, request{method: http.MethodGet, path: []string{"actuator", "info"}, open: true})
	return answer.Value, err
}

// Health asks, without a token, whether the server is well. A server that says
// DOWN answers 503, which is an *Error.
func (c *Client) Health(ctx context.Context) (v1.Health, error) {
	answer, err := call[v1.Health](ctx, c, request{method: http.MethodGet, path: []string{"actuator", "health"}, open: true})
	return answer.Value, err
}
