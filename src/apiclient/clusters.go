package apiclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// Clusters lists what the caller may see.
func (c *Client) Clusters(ctx context.Context) (Answer[[]v1.Cluster], error) {
	return call[[]v1.Cluster](ctx, c, request{method: http.MethodGet, path: []string{"v1", "clusters"}})
}

// Cluster reads one; once its deletion is done the error is an *Error with
// IsNotFound.
func (c *Client) Cluster(ctx context.Context, name string) (Answer[v1.Cluster], error) {
	return call[v1.Cluster](ctx, c, request{method: http.MethodGet, path: []string{"v1", "clusters", name}})
}

// CreateCluster returns as soon as the API has stored the request.
func (c *Client) CreateCluster(ctx context.Context, cluster v1.ClusterRequest) (Answer[v1.Cluster], error) {
	return call[v1.Cluster](ctx, c, request{method: http.MethodPost, path: []string{"v1", "clusters"}, body: cluster})
}

// UpdateCluster changes what parameters name and nothing else. It returns as soon
// as the API has stored the request; the answer may be empty
// (reference/pks-api.md §5.5).
func (c *Client) UpdateCluster(ctx context.Context, name string, parameters v1.UpdateClusterParameters) (Answer[v1.Cluster], error) {
	return call[v1.Cluster](ctx, c, request{method: http.MethodPatch, path: []string{"v1", "clusters", name}, body: parameters})
}

// DeleteCluster returns as soon as the API has stored the request.
func (c *Client) DeleteCluster(ctx context.Context, name string) error {
	_, err := call[any](ctx, c, request{method: http.MethodDelete, path: []string{"v1", "clusters", name}})
	return err
}

// Bind makes credentials for the caller: a kubeconfig document. It is synchronous
// in the server and slow.
func (c *Client) Bind(ctx context.Context, name string) (v1.Kubeconfig, error) {
	answer, err := call[v1.Kubeconfig](ctx, c, request{method: http.MethodPost, path: []string{"v1", "clusters", name, "binds"}, body: struct{}{}})
	return answer.Value, err
}

// BindAs makes credentials under the name of a user; withoutRights ones that no
// cluster role is bound to, for which every person of UAA may ask.
func (c *Client) BindAs(ctx context.Context, name, user string, withoutRights bool) (v1.Kubeconfig, error) {
	answer, err := call[v1.Kubeconfig](ctx, c, request{
		method: http.MethodGet, path: []string{"v1", "clusters", name, "binds", user},
		query: url.Values{"suppressClusterRoleBinding": {strconv.FormatBool(withoutRights)}},
	})
	return answer.Value, err
}

// Events lists at most limit of the cluster's events after the one with number
// after; 0 is the beginning, and limit 0 leaves the number to the server. Servers
// of other makes do not know the path: the error is an *Error with status 404.
func (c *Client) Events(ctx context.Context, name string, after int64, limit int) (Answer[[]v1.Event], error) {
	query := url.Values{"after": {strconv.FormatInt(after, 10)}}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	return call[[]v1.Event](ctx, c, request{method: http.MethodGet, path: []string{"v1", "clusters", name, "events"}, query: query})
}

// Machines tells how the machines of a cluster are just now. Servers of other
// makes do not know the path: the error is an *Error with status 404.
func (c *Client) Machines(ctx context.Context, name string) (Answer[[]v1.Machine], error) {
	return call[[]v1.Machine](ctx, c, request{method: http.MethodGet, path: []string{"v1", "clusters", name, "machines"}})
}
