package director

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pks-community/pks-release/src/director/session"
)

// Deployment is what GET /deployments/NAME tells.
type Deployment struct {
	// Manifest is the text of the last deploy that succeeded; nil before the first
	// (§7.2). During a deploy and after a failed one it is the older text.
	Manifest *string `json:"manifest"`
}

// Deployment fetches one deployment; ErrNotFound when there is none.
func (c *Client) Deployment(ctx context.Context, name string) (Deployment, error) {
	var d Deployment
	err := c.readJSON(ctx, session.Request{Kind: "deployment", Path: deploymentPath(name)}, &d)
	return d, err
}

func deploymentPath(name string, more ...string) string {
	p := "/deployments/" + url.PathEscape(name)
	for _, m := range more {
		p += "/" + m
	}
	return p
}

// DeploymentSummary is one line of the list of deployments.
type DeploymentSummary struct {
	Name  string   `json:"name"`
	Teams []string `json:"teams"`
}

// Deployments lists the names of all deployments that the client may see. The
// list costs the Director work for each of them (§22): not for a single look-up.
func (c *Client) Deployments(ctx context.Context) ([]DeploymentSummary, error) {
	q := url.Values{}
	for _, part := range []string{"configs", "releases", "stemcells", "lock"} {
		q.Set("exclude_"+part, "true")
	}
	var all []DeploymentSummary
	err := c.readJSON(ctx, session.Request{Kind: "deployments", Path: "/deployments", Query: q}, &all)
	return all, err
}

// Write says to which operation a write belongs.
type Write struct {
	// ContextID marks the tasks of one operation; at most 64 characters. Without
	// it a lost answer cannot be reconciled.
	ContextID string
	// After is the highest task id of that operation known before; 0 for none.
	After int
}

// Deploy creates or updates the deployment that the manifest names, and gives
// the task.
func (c *Client) Deploy(ctx context.Context, name string, manifest []byte, w Write) (int, error) {
	return c.submit(ctx, submission{
		request: session.Request{
			Kind: "deploy", Method: http.MethodPost, Path: "/deployments",
			ContentType: yamlType, Body: manifest,
		},
		deployment: name, contextID: w.ContextID, after: w.After, again: true,
	})
}

// Delete deletes a deployment. With force it goes on when agents or the CPI fail.
// ErrNotFound when there is no such deployment.
func (c *Client) Delete(ctx context.Context, name string, force bool, w Write) (int, error) {
	q := url.Values{}
	if force {
		q.Set("force", "true")
	}
	return c.submit(ctx, submission{
		request: session.Request{
			Kind: "delete", Method: http.MethodDelete, Path: deploymentPath(name), Query: q,
		},
		deployment: name, contextID: w.ContextID, after: w.After, again: true,
	})
}

// Recreate makes every VM of the deployment anew, replacing those that do not
// answer (§9.1).
func (c *Client) Recreate(ctx context.Context, name string, w Write) (int, error) {
	return c.submit(ctx, submission{
		request: session.Request{
			Kind: "recreate", Method: http.MethodPut, Path: deploymentPath(name, "jobs", "*"),
			Query:       url.Values{"state": {"recreate"}, "fix": {"true"}},
			ContentType: yamlType,
		},
		deployment: name, contextID: w.ContextID, after: w.After,
	})
}
