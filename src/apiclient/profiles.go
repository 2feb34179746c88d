package apiclient

import (
	"context"
	"encoding/json"
	"net/http"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// Paths of the three kinds of profile.
const (
	NetworkProfiles    = "network-profiles"
	ComputeProfiles    = "compute-profiles"
	KubernetesProfiles = "kubernetes-profiles"
)

// Profiles lists the network or compute profiles.
func (c *Client) Profiles(ctx context.Context, kind string) (Answer[[]v1.Profile], error) {
	return call[[]v1.Profile](ctx, c, request{method: http.MethodGet, path: []string{"v1", kind}})
}

// Profile reads one network or compute profile.
func (c *Client) Profile(ctx context.Context, kind, name string) (Answer[v1.Profile], error) {
	return call[v1.Profile](ctx, c, request{method: http.MethodGet, path: []string{"v1", kind, name}})
}

// KubernetesProfiles lists those that the caller may see.
func (c *Client) KubernetesProfiles(ctx context.Context) (Answer[[]v1.KubernetesProfile], error) {
	return call[[]v1.KubernetesProfile](ctx, c, request{method: http.MethodGet, path: []string{"v1", KubernetesProfiles}})
}

// KubernetesProfile reads one.
func (c *Client) KubernetesProfile(ctx context.Context, name string) (Answer[v1.KubernetesProfile], error) {
	return call[v1.KubernetesProfile](ctx, c, request{method: http.MethodGet, path: []string{"v1", KubernetesProfiles, name}})
}

// CreateProfile stores a profile of any kind; the document is sent as it is.
func (c *Client) CreateProfile(ctx context.Context, kind string, document json.RawMessage) (Answer[v1.Profile], error) {
	return call[v1.Profile](ctx, c, request{method: http.MethodPost, path: []string{"v1", kind}, body: document})
}

// DeleteProfile deletes a profile that no cluster has.
func (c *Client) DeleteProfile(ctx context.Context, kind, name string) error {
	_, err := call[any](ctx, c, request{method: http.MethodDelete, path: []string{"v1", kind, name}})
	return err
}
