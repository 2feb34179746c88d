package apiclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// Certificates lists those of a cluster that are good for no more than so many
// days, the first to expire first.
func (c *Client) Certificates(ctx context.Context, cluster string, days int) (Answer[[]v1.Certificate], error) {
	return call[[]v1.Certificate](ctx, c, request{
		method: http.MethodGet, path: []string{"v1", "clusters", cluster, "certificates"}, query: url.Values{"days": {strconv.Itoa(days)}},
	})
}

// RotateCertificates returns as soon as the API has stored the request.
func (c *Client) RotateCertificates(ctx context.Context, cluster string, which v1.RotateCertificates) (Answer[v1.Cluster], error) {
	return call[v1.Cluster](ctx, c, request{method: http.MethodPost, path: []string{"v1", "clusters", cluster, "rotate-certificates"}, body: which})
}

// PromoteToPolicy moves a cluster to the policy API of NSX-T.
func (c *Client) PromoteToPolicy(ctx context.Context, cluster string) (Answer[v1.Cluster], error) {
	return call[v1.Cluster](ctx, c, request{method: http.MethodPost, path: []string{"v1", "clusters", cluster, "promote-to-policy"}, body: struct{}{}})
}
