package director

import (
	"context"

	"github.com/pks-community/pks-release/src/director/session"
)

// Variable is one variable that a deployment uses: its absolute name,
// /DIRECTOR/DEPLOYMENT/NAME, and the id of the version in use at the CredHub.
type Variable struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Variables lists them. It needs to be admin of the deployment (§3.3).
func (c *Client) Variables(ctx context.Context, deployment string) ([]Variable, error) {
	var all []Variable
	err := c.readJSON(ctx, session.Request{Kind: "variables", Path: deploymentPath(deployment, "variables")}, &all)
	return all, err
}
