package director

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/pks-community/pks-release/src/director/session"
)

// BOSHConfig is a named piece of configuration kept by the Director (§13).
type BOSHConfig struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Content string `json:"content"`
}

// Configs lists the latest version of every config of the name.
func (c *Client) Configs(ctx context.Context, name string) ([]BOSHConfig, error) {
	var all []BOSHConfig
	err := c.readJSON(ctx, session.Request{
		Kind: "configs", Path: "/configs",
		Query: url.Values{"name": {name}, "latest": {"true"}, "limit": {"1"}},
	}, &all)
	return all, err
}

// PutConfig writes a config. The same content again makes no new version, so it
// is sent again after a lost answer.
func (c *Client) PutConfig(ctx context.Context, config BOSHConfig) error {
	body, err := json.Marshal(struct {
		Type    string `json:"type"`
		Name    string `json:"name"`
		Content string `json:"content"`
	}{config.Type, config.Name, config.Content})
	if err != nil {
		return fmt.Errorf("encode config %s/%s: %w", config.Type, config.Name, err)
	}
	return c.repeatable(ctx, session.Request{
		Kind: "put config", Method: http.MethodPost, Path: "/configs", ContentType: jsonType, Body: body,
	})
}

// DeleteConfig deletes all versions of a config; one that is not there is no error.
func (c *Client) DeleteConfig(ctx context.Context, kind, name string) error {
	err := c.repeatable(ctx, session.Request{
		Kind: "delete config", Method: http.MethodDelete, Path: "/configs",
		Query: url.Values{"type": {kind}, "name": {name}},
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// repeatable sends a write whose repetition changes nothing, until it is known to
// have arrived.
func (c *Client) repeatable(ctx context.Context, r session.Request) error {
	for attempt := 0; ; attempt++ {
		resp, err := c.session.Do(ctx, r)
		err = judge(r, resp, err)
		unsure := errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown)
		if !unsure || attempt == len(c.pauses.read) || pause(ctx, c.pauses.read[attempt]) != nil {
			return err
		}
	}
}
