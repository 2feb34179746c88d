package apiclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// DefaultTimeout bounds one request. Binding is synchronous in the server and may
// take minutes (reference/pks-api.md §1).
const DefaultTimeout = 300 * time.Second

// TokenSource gives out bearer tokens. It must be safe for concurrent use.
type TokenSource interface {
	// Token returns a token that is believed to be good.
	Token(ctx context.Context) (pks.Secret, error)
	// Renew returns a token in place of one that the API has refused.
	Renew(ctx context.Context, refused pks.Secret) (pks.Secret, error)
}

// Config is what a client is made from.
type Config struct {
	URL       string        // of the API: https://api.pks.example.com:9021
	TLS       TLS           // how the server's certificate is checked
	Tokens    TokenSource   // nil: only paths that need no token can be read
	Timeout   time.Duration // of one request; DefaultTimeout when zero
	UserAgent string
}

// Client speaks with one API server. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	http      *http.Client
	tokens    TokenSource
	timeout   time.Duration
	userAgent string
}

// New checks the configuration; it does not connect.
func New(config Config) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(config.URL, "/"))
	if err != nil {
		return nil, fmt.Errorf("read the API address: %w", err)
	}
	if base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("the API address %q is not of the form https://HOST:PORT", config.URL)
	}
	transport, err := config.TLS.Transport()
	if err != nil {
		return nil, err
	}
	if config.Timeout < 0 {
		return nil, errors.New("the time-out is negative")
	}
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	return &Client{
		base:      base,
		http:      &http.Client{Transport: transport, CheckRedirect: refuseRedirect},
		tokens:    config.Tokens,
		timeout:   config.Timeout,
		userAgent: config.UserAgent,
	}, nil
}

// URL is the address of the API.
func (c *Client) URL() string { return c.base.String() }

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// refuseRedirect: the API never redirects, and a token must not follow one.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
