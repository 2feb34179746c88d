package director

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pks-community/pks-release/src/director/session"
)

// Info is what the Director says of itself (§4).
type Info struct {
	Name    string `json:"name"`
	UUID    string `json:"uuid"`
	Version string `json:"version"` // "283.1.6 (00000000)"
	User    string `json:"user"`    // empty when the credentials were not accepted
	Auth    struct {
		Type    string `json:"type"` // basic or uaa
		Options struct {
			URL  string   `json:"url"`
			URLs []string `json:"urls"`
		} `json:"options"`
	} `json:"user_authentication"`
}

// Release is the version without the revision in parentheses.
func (i Info) Release() string {
	release, _, _ := strings.Cut(i.Version, " ")
	return release
}

// Info asks with the client's credentials, so that User tells whether they are good.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.readJSON(ctx, session.Request{Kind: "info", Path: "/info"}, &info)
	return info, err
}

// Reachable asks the Director for a sign of life, without credentials.
func (c *Client) Reachable(ctx context.Context) error {
	_, err := c.openInfo(ctx)
	return err
}

func (c *Client) openInfo(ctx context.Context) (Info, error) {
	var info Info
	r := session.Request{Kind: "info", Path: "/info", Anonymous: true}
	resp, err := c.read(ctx, c.open, r)
	if err != nil {
		return info, err
	}
	return info, decode(r, resp.Body, &info)
}

func (c *Client) uaaURL(ctx context.Context) (string, error) {
	info, err := c.openInfo(ctx)
	if err != nil {
		return "", fmt.Errorf("learn the UAA's address: %w", err)
	}
	switch {
	case info.Auth.Options.URL != "":
		return info.Auth.Options.URL, nil
	case len(info.Auth.Options.URLs) > 0:
		return info.Auth.Options.URLs[0], nil
	}
	return "", errors.New("the Director does not use UAA: configure basic authentication")
}
