package apiclient

import (
	"context"
	"net/http"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// Quotas lists those that the caller may see.
func (c *Client) Quotas(ctx context.Context) (Answer[[]v1.Quota], error) {
	return call[[]v1.Quota](ctx, c, request{method: http.MethodGet, path: []string{"v1", "quotas"}})
}

// Quota reads that of one owner.
func (c *Client) Quota(ctx context.Context, owner string) (Answer[v1.Quota], error) {
	return call[v1.Quota](ctx, c, request{method: http.MethodGet, path: []string{"v1", "quotas", owner}})
}

// CreateQuota gives an owner limits that has none.
func (c *Client) CreateQuota(ctx context.Context, quota v1.Quota) (Answer[v1.Quota], error) {
	return call[v1.Quota](ctx, c, request{method: http.MethodPost, path: []string{"v1", "quotas"}, body: quota})
}

// UpdateQuota changes the limits that are named and no other.
func (c *Client) UpdateQuota(ctx context.Context, quota v1.Quota) (Answer[v1.Quota], error) {
	return call[v1.Quota](ctx, c, request{method: http.MethodPatch, path: []string{"v1", "quotas", quota.Owner}, body: quota})
}

// DeleteQuota takes the limits of an owner away.
func (c *Client) DeleteQuota(ctx context.Context, owner string) error {
	_, err := call[any](ctx, c, request{method: http.MethodDelete, path: []string{"v1", "quotas", owner}})
	return err
}

// Usages lists what clusters take, by owner.
func (c *Client) Usages(ctx context.Context) (Answer[[]v1.Usage], error) {
	return call[[]v1.Usage](ctx, c, request{method: http.MethodGet, path: []string{"v1", "usages"}})
}

// Usage is what the clusters of one owner take.
func (c *Client) Usage(ctx context.Context, owner string) (Answer[v1.Usage], error) {
	return call[v1.Usage](ctx, c, request{method: http.MethodGet, path: []string{"v1", "usages", owner}})
}
