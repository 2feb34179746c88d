package oauthclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director/session"
)

// Keeper makes and removes the clients. It is safe for concurrent use.
type Keeper struct {
	definition config.ClientDefinition
	session    *session.Session
	person     *login // nil: the session logs in as a client
}

// New makes a keeper that logs in at the UAA of c, as a client or as a person; it
// talks to nobody. Either needs clients.read and clients.write.
func New(c config.CF) (*Keeper, error) {
	k := &Keeper{definition: c.UAA.ClientDefinition}
	connection := session.Config{URL: c.UAA.URL, CACert: c.RootCACert, SkipVerify: c.DisableSSLCertVerification}
	var err error
	if own := c.UAA.Authentication.ClientCredentials; own != (config.ClientCredentials{}) {
		connection.Client = &session.Client{
			ID: own.ClientID, Secret: own.ClientSecret,
			UAA: func(context.Context) (string, error) { return c.UAA.URL, nil },
		}
	} else if k.person, err = newLogin(c); err != nil {
		return nil, fmt.Errorf("cf.uaa: %w", err)
	}
	if k.session, err = session.New(connection); err != nil {
		return nil, fmt.Errorf("cf.uaa: %w", err)
	}
	return k, nil
}

// Close drops the connections that are idle.
func (k *Keeper) Close() {
	k.session.Close()
	if k.person != nil {
		k.person.client.Close()
	}
}

// errAbsent: no such client.
var errAbsent = errors.New("there is no such UAA client")

// Create makes the client of a new instance, with a secret. One that a creation
// which failed left behind is replaced, since nobody knows its secret. Nil when
// instances have no clients.
func (k *Keeper) Create(ctx context.Context, i Instance) (*Client, error) {
	if !k.definition.Set() {
		return nil, nil
	}
	if err := k.Delete(ctx, i.ID); err != nil {
		return nil, err
	}
	return k.create(ctx, of(k.definition, i))
}

func (k *Keeper) create(ctx context.Context, c Client) (*Client, error) {
	c.Secret = c.newSecret()
	if _, err := k.do(ctx, http.MethodPost, "/oauth/clients", c.wire()); err != nil {
		return nil, fmt.Errorf("create the UAA client of %s: %w", c.ID, err)
	}
	return &c, nil
}

// Placeholder is the client that Create would make, with a secret that opens nothing.
// It asks and tells nobody. Nil when instances have no clients.
func (k *Keeper) Placeholder(i Instance) *Client {
	if !k.definition.Set() {
		return nil
	}
	c := of(k.definition, i)
	c.Secret = c.secret(placeholderSecret)
	return &c
}

// Align makes an existing instance's client as the definition has it now: it is
// created when it is missing, and removed when the definition is gone. The secret
// of a client that was there is not known any more. Nil when there is no client.
func (k *Keeper) Align(ctx context.Context, i Instance) (*Client, error) {
	if !k.definition.Set() {
		return nil, k.Delete(ctx, i.ID)
	}
	wanted := of(k.definition, i)
	there, err := k.Get(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	if there == nil {
		return k.create(ctx, wanted)
	}
	if there.RedirectURI != "" {
		wanted.RedirectURI = there.RedirectURI // the dashboard's
	}
	return &wanted, k.put(ctx, wanted)
}

// Get finds the client of an instance; nil when there is none.
func (k *Keeper) Get(ctx context.Context, instanceID string) (*Client, error) {
	if !k.definition.Set() {
		return nil, nil
	}
	body, err := k.do(ctx, http.MethodGet, path(instanceID), nil)
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch the UAA client of %s: %w", instanceID, err)
	}
	var w wire
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, fmt.Errorf("fetch the UAA client of %s: the answer is not JSON of the expected form", instanceID)
	}
	c := w.client()
	return &c, nil
}

// Redirect sends users of the client back to the instance's dashboard.
func (k *Keeper) Redirect(ctx context.Context, c Client, dashboard string) error {
	if c.RedirectURI == dashboard {
		return nil
	}
	c.RedirectURI = dashboard
	return k.put(ctx, c)
}

func (k *Keeper) put(ctx context.Context, c Client) error {
	c.Secret = "" // never changed by this call
	if _, err := k.do(ctx, http.MethodPut, path(c.ID), c.wire()); err != nil {
		return fmt.Errorf("update the UAA client of %s: %w", c.ID, err)
	}
	return nil
}

// Delete removes the client of an instance; none there is no error.
func (k *Keeper) Delete(ctx context.Context, instanceID string) error {
	_, err := k.do(ctx, http.MethodDelete, path(instanceID), nil)
	if err != nil && !errors.Is(err, errAbsent) {
		return fmt.Errorf("delete the UAA client of %s: %w", instanceID, err)
	}
	return nil
}

func path(id string) string { return "/oauth/clients/" + url.PathEscape(id) }

// do never puts a body into an error: it may hold a secret.
func (k *Keeper) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	r := session.Request{Kind: "uaa client", Method: method, Path: path}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the client: %w", err)
		}
		r.Body, r.ContentType = text, "application/json"
	}
	resp, err := k.send(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case resp.Status == http.StatusNotFound:
		return nil, errAbsent
	case resp.Status >= 300:
		return nil, fmt.Errorf("UAA answered HTTP %d", resp.Status)
	}
	return resp.Body, nil
}

func (k *Keeper) send(ctx context.Context, r session.Request) (session.Response, error) {
	if k.person == nil {
		return k.session.Do(ctx, r)
	}
	for last := false; ; last = true {
		token, err := k.person.token(ctx)
		if err != nil {
			return session.Response{}, err
		}
		r.Header = http.Header{"Authorization": {"Bearer " + token.Reveal()}}
		resp, err := k.session.Do(ctx, r)
		if err != nil || resp.Status != http.StatusUnauthorized || last {
			return resp, err
		}
		k.person.forget(ctx, token)
	}
}
