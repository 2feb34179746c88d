package director

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/pks-community/pks-release/src/director/session"
)

// LinkProvider is something a deployment offers to others (§15).
type LinkProvider struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Shared bool   `json:"shared"`
	Owner  struct {
		Info struct {
			InstanceGroup string `json:"instance_group"`
		} `json:"info"`
	} `json:"owner_object"`
}

// LinkProviders lists those of a deployment.
func (c *Client) LinkProviders(ctx context.Context, deployment string) ([]LinkProvider, error) {
	var all []LinkProvider
	err := c.readJSON(ctx, session.Request{
		Kind: "link providers", Path: "/link_providers", Query: url.Values{"deployment": {deployment}},
	}, &all)
	return all, err
}

// CreateLink makes an external consumer of a provider and gives the link's id.
// The same consumer and provider again give the same link.
func (c *Client) CreateLink(ctx context.Context, providerID, consumer string) (string, error) {
	type owner struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	body, err := json.Marshal(map[string]any{
		"link_provider_id": providerID,
		"link_consumer":    map[string]any{"owner_object": owner{consumer, "external"}},
	})
	if err != nil {
		return "", fmt.Errorf("encode link: %w", err)
	}
	r := session.Request{Kind: "create link", Method: http.MethodPost, Path: "/links", ContentType: jsonType, Body: body}
	resp, err := c.session.Do(ctx, r)
	if err := judge(r, resp, err); err != nil {
		return "", err
	}
	var link struct {
		ID string `json:"id"`
	}
	return link.ID, decode(r, resp.Body, &link)
}

// LinkAddress is the BOSH DNS name of a link, for chosen AZs and a health status;
// empty: all AZs, the default status.
func (c *Client) LinkAddress(ctx context.Context, linkID string, azs []string, status string) (string, error) {
	q := url.Values{"link_id": {linkID}}
	for _, az := range azs {
		q.Add("azs[]", az)
	}
	if status != "" {
		q.Set("status", status)
	}
	var answer struct {
		Address string `json:"address"`
	}
	err := c.readJSON(ctx, session.Request{Kind: "link address", Path: "/link_address", Query: q}, &answer)
	return answer.Address, err
}

// DeleteLink removes an external link.
func (c *Client) DeleteLink(ctx context.Context, linkID string) error {
	r := session.Request{Kind: "delete link", Method: http.MethodDelete, Path: "/links/" + url.PathEscape(linkID)}
	resp, err := c.session.Do(ctx, r)
	return judge(r, resp, err)
}
