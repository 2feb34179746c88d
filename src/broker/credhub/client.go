// Package credhub is a small client of CredHub's REST API: enough to resolve the
// variables of a manifest and to keep the secrets that an adapter makes
// (reference/on-demand-broker.md §1.11).
package credhub

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/director/session"
	"github.com/pks-community/pks-release/src/pks"
)

// ErrNotFound: no such credential.
var ErrNotFound = errors.New("credential not found")

// Config says where CredHub is; the UAA's address comes from its /info.
type Config struct {
	URL          string // https://HOST:8844
	CACert       string // PEM; empty: the system's roots
	ClientID     string
	ClientSecret pks.Secret
	Timeout      time.Duration // of one request; 0: 60 s
}

// Client is safe for concurrent use.
type Client struct {
	session *session.Session
	open    *session.Session
}

// New checks the configuration; it talks to nobody.
func New(c Config) (*Client, error) {
	base := session.Config{URL: c.URL, CACert: c.CACert, Timeout: c.Timeout}
	open, err := session.New(base)
	if err != nil {
		return nil, fmt.Errorf("CredHub: %w", err)
	}
	client := &Client{open: open}
	base.Client = &session.Client{ID: c.ClientID, Secret: c.ClientSecret, UAA: client.uaaURL}
	if client.session, err = session.New(base); err != nil {
		return nil, fmt.Errorf("CredHub: %w", err)
	}
	return client, nil
}

// Close drops the connections that are idle.
func (c *Client) Close() {
	c.session.Close()
	c.open.Close()
}

func (c *Client) uaaURL(ctx context.Context) (string, error) {
	resp, err := c.open.Do(ctx, session.Request{Kind: "info", Method: http.MethodGet, Path: "/info"})
	if err != nil {
		return "", fmt.Errorf("CredHub: learn the UAA's address: %w", err)
	}
	var info struct {
		AuthServer struct {
			URL string `json:"url"`
		} `json:"auth-server"`
	}
	if err := json.Unmarshal(resp.Body, &info); err != nil || resp.Status != http.StatusOK || info.AuthServer.URL == "" {
		return "", fmt.Errorf("CredHub: its /info names no UAA (HTTP %d)", resp.Status)
	}
	return info.AuthServer.URL, nil
}

// Credential is one version of a credential. Value is text for the types value
// and password and an object for the others.
type Credential struct {
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

// ByID fetches one version.
func (c *Client) ByID(ctx context.Context, id string) (Credential, error) {
	var one Credential
	err := c.get(ctx, "/api/v1/data/"+url.PathEscape(id), nil, &one)
	return one, err
}

// ByName fetches the current version of an absolute name.
func (c *Client) ByName(ctx context.Context, name string) (Credential, error) {
	var found struct {
		Data []Credential `json:"data"`
	}
	err := c.get(ctx, "/api/v1/data", url.Values{"name": {name}, "current": {"true"}}, &found)
	if err != nil {
		return Credential{}, err
	}
	if len(found.Data) == 0 {
		return Credential{}, ErrNotFound
	}
	return found.Data[0], nil
}

// Below lists the names of the credentials whose path begins with path.
func (c *Client) Below(ctx context.Context, path string) ([]string, error) {
	var found struct {
		Credentials []struct {
			Name string `json:"name"`
		} `json:"credentials"`
	}
	err := c.get(ctx, "/api/v1/data", url.Values{"path": {path}}, &found)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found.Credentials))
	for i, one := range found.Credentials {
		names[i] = one.Name
	}
	return names, nil
}

// Put writes a new version: text as type value, a certificate with its key as type
// certificate, so that variables can name it as their CA, and any other object as
// type json.
func (c *Client) Put(ctx context.Context, name string, value any) error {
	return c.put(ctx, name, typeOf(value), value)
}

// PutDocument writes a new version as applications read it by interpolation: text
// as type value, and any object as type json, a certificate too.
func (c *Client) PutDocument(ctx context.Context, name string, value any) error {
	kind := "json"
	if _, ok := value.(string); ok {
		kind = "value"
	}
	return c.put(ctx, name, kind, value)
}

func (c *Client) put(ctx context.Context, name, kind string, value any) error {
	return c.send(ctx, http.MethodPut, "/api/v1/data", map[string]any{"name": name, "type": kind, "value": value})
}

// send puts no text of the encoder's into its error, which might quote a secret.
func (c *Client) send(ctx context.Context, method, path string, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return errors.New("CredHub: the value cannot be written as JSON")
	}
	_, err = c.do(ctx, session.Request{
		Kind: "credhub " + strings.ToLower(method), Method: method, Path: path, ContentType: "application/json", Body: body,
	})
	return err
}

func typeOf(value any) string {
	if _, ok := value.(string); ok {
		return "value"
	}
	if isCertificate(value) {
		return "certificate"
	}
	return "json"
}

// isCertificate tells whether the object has what a credential of type certificate
// must have and nothing that it cannot have, both in PEM form.
func isCertificate(value any) bool {
	members, _ := value.(map[string]any)
	for name, member := range members {
		text, _ := member.(string)
		block, _ := pem.Decode([]byte(text))
		switch name {
		case "certificate", "ca":
			if block == nil || block.Type != "CERTIFICATE" {
				return false
			}
		case "private_key":
			if block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY") {
				return false
			}
		default:
			return false
		}
	}
	return members["certificate"] != nil && members["private_key"] != nil
}

// Delete removes all versions; a name that is not there is no error.
func (c *Client) Delete(ctx context.Context, name string) error {
	_, err := c.do(ctx, session.Request{
		Kind: "credhub delete", Method: http.MethodDelete, Path: "/api/v1/data", Query: url.Values{"name": {name}},
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func (c *Client) get(ctx context.Context, path string, q url.Values, into any) error {
	resp, err := c.do(ctx, session.Request{Kind: "credhub get", Method: http.MethodGet, Path: path, Query: q})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(resp.Body, into); err != nil {
		return errors.New("CredHub: the answer is not JSON of the expected form")
	}
	return nil
}

// do never puts an answer's body into an error: it may hold a secret.
func (c *Client) do(ctx context.Context, r session.Request) (session.Response, error) {
	resp, err := c.session.Do(ctx, r)
	switch {
	case err != nil:
		return resp, fmt.Errorf("CredHub: %w", err)
	case resp.Status == http.StatusNotFound:
		return resp, ErrNotFound
	case resp.Status == http.StatusConflict:
		return resp, ErrExists
	case resp.Status >= 300:
		return resp, fmt.Errorf("CredHub: HTTP %d", resp.Status)
	}
	return resp, nil
}
