package uaa

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxAnswerBytes = 1 << 20
	dialTimeout    = 10 * time.Second
)

// errTooLarge is the cause when an answer is larger than any of UAA's.
var errTooLarge = errors.New("answer is larger than 1 MiB")

// Connection says how to reach a UAA.
type Connection struct {
	// URL is the base address, such as https://api.pks.example.com:8443.
	URL string
	// CA holds PEM certificates to trust instead of the system's; empty: the system's.
	CA []byte
	// SkipTLSVerification accepts any certificate. For one call by a person who
	// asked for it, never for a service.
	SkipTLSVerification bool
	// Transport replaces the TLS settings above; nil: made of them.
	Transport http.RoundTripper
}

// endpoint sends bounded requests to one UAA and follows no redirects.
type endpoint struct {
	base   string
	client *http.Client
}

func newEndpoint(c Connection) (*endpoint, error) {
	parsed, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("UAA address %q is not a URL", c.URL)
	}
	if (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.Host == "" || parsed.User != nil ||
		parsed.RawQuery != "" || parsed.Fragment != "" {
		return nil, fmt.Errorf("UAA address %q is not of the form https://HOST:PORT", parsed.Redacted())
	}
	transport := c.Transport
	if transport == nil {
		transport, err = newTransport(c)
		if err != nil {
			return nil, err
		}
	}
	return &endpoint{
		base: strings.TrimRight(c.URL, "/"),
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func newTransport(c Connection) (*http.Transport, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.SkipTLSVerification} // the caller's explicit wish
	if len(c.CA) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(c.CA) {
			return nil, errors.New("CA of UAA holds no PEM certificate")
		}
		settings.RootCAs = pool
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       settings,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: callTimeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
	}, nil
}

// close lets go of idle connections.
func (e *endpoint) close() { e.client.CloseIdleConnections() }

type response struct {
	status int
	header http.Header
	body   []byte
}

// send makes one request and reads the answer whole, up to 1 MiB.
func (e *endpoint) send(ctx context.Context, method, path string, header http.Header, body []byte) (response, error) {
	request, err := http.NewRequestWithContext(ctx, method, e.base+path, bytes.NewReader(body))
	if err != nil {
		return response{}, fmt.Errorf("make request: %w", err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Accept", "application/json")
	answer, err := e.client.Do(request)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswerBytes+1))
	if err != nil {
		return response{}, fmt.Errorf("read answer of %s: %w", path, err)
	}
	if len(content) > maxAnswerBytes {
		return response{}, fmt.Errorf("read answer of %s: %w", path, errTooLarge)
	}
	return response{status: answer.StatusCode, header: answer.Header, body: content}, nil
}

func (e *endpoint) transport() http.RoundTripper { return e.client.Transport }
