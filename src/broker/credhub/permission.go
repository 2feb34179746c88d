package credhub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// ErrExists: what was to be made is there already.
var ErrExists = errors.New("it exists already")

// Grant lets an actor, such as mtls-app:GUID or uaa-client:ID, read the credential
// of that name. What was granted before is no error. CredHub has one call for it
// since version 2, and had another before.
func (c *Client) Grant(ctx context.Context, name, actor string) error {
	read := []string{"read"}
	err := c.send(ctx, http.MethodPost, "/api/v2/permissions", map[string]any{"path": name, "actor": actor, "operations": read})
	if errors.Is(err, ErrNotFound) {
		err = c.send(ctx, http.MethodPost, "/api/v1/permissions", map[string]any{
			"credential_name": name, "permissions": []any{map[string]any{"actor": actor, "operations": read}},
		})
	}
	if err != nil && !errors.Is(err, ErrExists) {
		return fmt.Errorf("let %s read %s: %w", actor, name, err)
	}
	return nil
}
