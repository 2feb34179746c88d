package osb

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// DefaultTimeout bounds one call when the configuration says nothing.
const DefaultTimeout = 60 * time.Second

// Config says where the broker is and how to speak to it.
type Config struct {
	URL string // base, without /v2
	// CA holds PEM certificates that alone may have signed the broker's; empty
	// means those of the system.
	CA        []byte
	Username  string
	Password  pks.Secret
	ServiceID string // of the broker's catalog
	// Timeout bounds each call, from the connection to the last byte.
	Timeout time.Duration
}

// Client speaks to one broker. It is safe for use by many goroutines and shares
// one pool of connections among them.
type Client struct {
	base      *url.URL
	username  string
	password  pks.Secret
	serviceID string
	timeout   time.Duration
	http      *http.Client
}

// New makes a client; it does not connect yet.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("broker url: %w", err)
	}
	if base.Scheme != "https" && base.Scheme != "http" || base.Host == "" {
		return nil, fmt.Errorf("broker url %q is not of the form https://HOST:PORT", cfg.URL)
	}
	if cfg.ServiceID == "" {
		return nil, errors.New("broker service_id is missing")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(cfg.CA) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(cfg.CA) {
			return nil, errors.New("broker ca holds no PEM certificate")
		}
		tlsConfig.RootCAs = pool
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	return &Client{
		base:      base,
		username:  cfg.Username,
		password:  cfg.Password,
		serviceID: cfg.ServiceID,
		timeout:   cfg.Timeout,
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:               nil, // the broker is a neighbour: a proxy for the outside must not see its password
				TLSClientConfig:     tlsConfig,
				ForceAttemptHTTP2:   true,
				MaxIdleConnsPerHost: 32,
				IdleConnTimeout:     90 * time.Second,
			},
			// A redirect would carry the password elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
