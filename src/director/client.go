package director

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/pks-community/pks-release/src/director/session"
	"github.com/pks-community/pks-release/src/pks"
)

// DefaultPort is where a Director listens when its address names no port.
const DefaultPort = "25555"

const (
	yamlType = "text/yaml"        // routes that take YAML match nothing else (§2.2)
	jsonType = "application/json" // likewise
)

// Config says where the Director is and how to log in. With ClientID set, UAA is
// used; its address comes from the Director's /info.
type Config struct {
	URL    string // https://HOST[:25555]
	CACert string // PEM; empty: the system's roots

	Username     string
	Password     pks.Secret
	ClientID     string
	ClientSecret pks.Secret

	MaxInFlight int           // requests under way at once; 0: 20
	Timeout     time.Duration // of one request; 0: 60 s

	// Repeats are how long to wait before each repetition of a read, and before each
	// look for the task of a write whose answer was lost; nil: 0.2, 0.5 and 1 s.
	Repeats []time.Duration

	// Observe, if set, is told of every request, for metrics.
	Observe func(session.Call)
}

// Client is safe for concurrent use.
type Client struct {
	session *session.Session
	open    *session.Session // for /info, which needs no login
	pauses  pauses
}

// pauses are how long the client waits between looks; tests shorten them.
type pauses struct {
	read      []time.Duration // before each repeat of a read
	reconcile []time.Duration // before each look for a write's task
	poll      time.Duration   // between looks at a task that is waited for
}

func defaultPauses() pauses {
	return pauses{
		read:      []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second},
		reconcile: []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second},
		poll:      250 * time.Millisecond,
	}
}

// New checks the configuration; it talks to nobody.
func New(c Config) (*Client, error) {
	address, err := withPort(c.URL)
	if err != nil {
		return nil, err
	}
	base := session.Config{
		URL: address, CACert: c.CACert,
		MaxInFlight: c.MaxInFlight, Timeout: c.Timeout, Observe: c.Observe,
	}
	// Learning the UAA's address must not wait for a place among the very
	// requests that wait for the token, so it has a session of its own.
	open, err := session.New(base)
	if err != nil {
		return nil, fmt.Errorf("BOSH Director: %w", err)
	}
	client := &Client{open: open, pauses: defaultPauses()}
	if c.Repeats != nil {
		client.pauses.read, client.pauses.reconcile = c.Repeats, c.Repeats
	}
	if c.ClientID != "" {
		base.Client = &session.Client{ID: c.ClientID, Secret: c.ClientSecret, UAA: client.uaaURL}
	} else {
		base.Username, base.Password = c.Username, c.Password
	}
	if client.session, err = session.New(base); err != nil {
		return nil, fmt.Errorf("BOSH Director: %w", err)
	}
	return client, nil
}

// Close drops the connections that are idle.
func (c *Client) Close() {
	c.session.Close()
	c.open.Close()
}

func withPort(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("BOSH Director: parse address: %w", err)
	}
	if u.Host != "" && u.Port() == "" {
		u.Host = u.Hostname() + ":" + DefaultPort
	}
	return u.String(), nil
}

// read sends a request that changes nothing, again when the Director is away.
func (c *Client) read(ctx context.Context, s *session.Session, r session.Request) (session.Response, error) {
	r.Method = http.MethodGet
	for attempt := 0; ; attempt++ {
		resp, err := s.Do(ctx, r)
		err = judge(r, resp, err)
		if !errors.Is(err, ErrUnavailable) || attempt == len(c.pauses.read) {
			return resp, err
		}
		if pause(ctx, c.pauses.read[attempt]) != nil {
			return resp, err
		}
	}
}

// readJSON decodes by route, since the Director's Content-Type says nothing (§2.1).
func (c *Client) readJSON(ctx context.Context, r session.Request, into any) error {
	resp, err := c.read(ctx, c.session, r)
	if err != nil {
		return err
	}
	return decode(r, resp.Body, into)
}

func decode(r session.Request, body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return &Error{Op: r.Kind, reason: ErrUnavailable, err: fmt.Errorf("decode the answer: %w", err)}
	}
	return nil
}

// pause waits for d or until ctx ends, whichever is first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
