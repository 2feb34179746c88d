package apiclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// CancelOperation stops what goes on with the cluster. The server waits a moment
// for it to land; the answer's Landed says where.
func (c *Client) CancelOperation(ctx context.Context, cluster string) (Answer[v1.Operation], error) {
	return call[v1.Operation](ctx, c, request{method: http.MethodPost, path: []string{"v1", "clusters", cluster, "cancel"}})
}

// RetryOperation begins again what failed or was cancelled.
func (c *Client) RetryOperation(ctx context.Context, cluster string) (Answer[v1.Cluster], error) {
	return call[v1.Cluster](ctx, c, request{method: http.MethodPost, path: []string{"v1", "clusters", cluster, "retry"}})
}

// History lists what requests made of a cluster's settings, newest first; limit 0
// leaves the number to the server.
func (c *Client) History(ctx context.Context, cluster string, limit int) (Answer[[]v1.Revision], error) {
	var query url.Values
	if limit > 0 {
		query = url.Values{"limit": {strconv.Itoa(limit)}}
	}
	return call[[]v1.Revision](ctx, c, request{method: http.MethodGet, path: []string{"v1", "clusters", cluster, "history"}, query: query})
}

// dryRun asks for a preview: nothing is stored.
func dryRun() url.Values { return url.Values{"dry_run": {"true"}} }

// PreviewCreate tells what CreateCluster would do.
func (c *Client) PreviewCreate(ctx context.Context, cluster v1.ClusterRequest) (Answer[v1.Preview], error) {
	return call[v1.Preview](ctx, c, request{method: http.MethodPost, path: []string{"v1", "clusters"}, query: dryRun(), body: cluster})
}

// PreviewUpdate tells what UpdateCluster would do.
func (c *Client) PreviewUpdate(ctx context.Context, name string, parameters v1.UpdateClusterParameters) (Answer[v1.Preview], error) {
	return call[v1.Preview](ctx, c, request{method: http.MethodPatch, path: []string{"v1", "clusters", name}, query: dryRun(), body: parameters})
}

// PreviewUpgrades tells what UpgradeClusters would do to each cluster that needs
// an upgrade.
func (c *Client) PreviewUpgrades(ctx context.Context, upgrade v1.UpgradeClustersRequest) (Answer[[]v1.Preview], error) {
	return call[[]v1.Preview](ctx, c, request{method: http.MethodPatch, path: []string{"v1", "clusters"}, query: dryRun(), body: upgrade})
}

// ClusterDetails reads a cluster with the settings that Cluster leaves out:
// network and drain (reference/pks-api.md §5.7).
func (c *Client) ClusterDetails(ctx context.Context, name string) (Answer[v1.Cluster], error) {
	return call[v1.Cluster](ctx, c, request{method: http.MethodGet, path: []string{"v1", "clusterdetails", name}})
}
