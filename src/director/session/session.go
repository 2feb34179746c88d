package session

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/pks-community/pks-release/src/pks"
)

const (
	defaultMaxInFlight = 20
	defaultTimeout     = 60 * time.Second
	idleTimeout        = 90 * time.Second
	dialTimeout        = 10 * time.Second
	maxAnswer          = 64 << 20
)

// Config says where the server is, how to log in there and how hard to use it.
type Config struct {
	URL    string // https://HOST[:PORT]
	CACert string // PEM; empty: the system's roots
	// SkipVerify takes any server certificate, for operators who ask for it.
	SkipVerify bool

	// Username and Password are sent as basic authentication when Client is nil.
	Username string
	Password pks.Secret
	// Client logs in by UAA instead.
	Client *Client

	MaxInFlight int           // requests under way at once; 0: 20
	Timeout     time.Duration // of one request, waiting for a place included; 0: 60 s

	// Observe, if set, is told of every request that was made.
	Observe func(Call)
}

// Client is a UAA client of the grant type client_credentials.
type Client struct {
	ID     string
	Secret pks.Secret
	// UAA finds the base address of the UAA. It is asked until it succeeds once.
	UAA func(ctx context.Context) (string, error)
}

// Call is what one request came to.
type Call struct {
	Kind     string // the request's kind, for metrics
	Status   int    // 0 when there was no answer
	Duration time.Duration
}

// Session is safe for concurrent use.
type Session struct {
	base    *url.URL
	http    *http.Client
	auth    authenticator
	limit   *semaphore.Weighted
	timeout time.Duration
	observe func(Call)
}

// New checks the configuration; it talks to nobody.
func New(c Config) (*Session, error) {
	base, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("parse address: %w", err)
	}
	if base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, fmt.Errorf("address %q is not of the form https://HOST:PORT", c.URL)
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	pool, err := Roots(c.CACert)
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Transport: newTransport(pool, c),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect to a task is the answer
		},
	}
	s := &Session{
		base:    base,
		http:    client,
		limit:   semaphore.NewWeighted(int64(cmp.Or(c.MaxInFlight, defaultMaxInFlight))),
		timeout: cmp.Or(c.Timeout, defaultTimeout),
		observe: c.Observe,
	}
	switch {
	case c.Client != nil:
		s.auth = newTokenSource(*c.Client, client)
	case c.Username != "":
		s.auth = basic{c.Username, c.Password}
	default:
		s.auth = nobody{}
	}
	return s, nil
}

// Roots makes a certificate pool of PEM text; nil stands for the system's roots.
func Roots(pem string) (*x509.CertPool, error) {
	if strings.TrimSpace(pem) == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, errors.New("the CA certificate holds no PEM certificate")
	}
	return pool, nil
}

func newTransport(pool *x509.CertPool, c Config) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.SkipVerify}
	t.MaxIdleConnsPerHost = cmp.Or(c.MaxInFlight, defaultMaxInFlight) // every connection is kept
	t.IdleConnTimeout = idleTimeout
	t.TLSHandshakeTimeout = dialTimeout
	t.DisableCompression = true
	return t
}

// Close drops the connections that are idle.
func (s *Session) Close() { s.http.CloseIdleConnections() }

// Request is one request, small enough to be held in memory and sent twice.
type Request struct {
	Kind        string // a constant name for metrics
	Method      string
	Path        string // escaped, begins with /
	Query       url.Values
	ContentType string
	Header      http.Header
	Body        []byte
	Anonymous   bool // send no credentials
}

// Response is a whole answer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Error is a request that got no answer. Sent tells whether the server may have
// seen it.
type Error struct {
	Sent bool
	err  error
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// Do sends the request once; a second time only when the token was refused,
// which the server does before it acts. It does not judge the status. Its error
// is always an *Error.
func (s *Session) Do(ctx context.Context, r Request) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.limit.Acquire(ctx, 1); err != nil {
		return Response{}, &Error{err: fmt.Errorf("wait for one of the requests under way to end: %w", err)}
	}
	defer s.limit.Release(1)

	started := time.Now()
	resp, err := s.authorised(ctx, r)
	if s.observe != nil {
		s.observe(Call{Kind: r.Kind, Status: resp.Status, Duration: time.Since(started)})
	}
	return resp, err
}

func (s *Session) authorised(ctx context.Context, r Request) (Response, error) {
	if r.Anonymous {
		return s.send(ctx, r, "")
	}
	header, err := s.auth.header(ctx)
	if err != nil {
		return Response{}, &Error{err: err}
	}
	resp, err := s.send(ctx, r, header)
	if err != nil || !tokenRefused(resp) || !s.auth.discard(header) {
		return resp, err
	}
	if header, err = s.auth.header(ctx); err != nil {
		return Response{}, &Error{err: err}
	}
	return s.send(ctx, r, header)
}

// tokenRefused tells a bad token (text body) from a missing permission (JSON
// body with code 600000); the status is the same (reference/director-api.md §3.3).
func tokenRefused(r Response) bool {
	return r.Status == http.StatusUnauthorized && !bytes.Contains(r.Body, []byte("600000"))
}

func (s *Session) send(ctx context.Context, r Request, authorization string) (Response, error) {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, r.Method, s.base.String()+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return Response{}, &Error{err: err}
	}
	req.URL.RawQuery = r.Query.Encode()
	for key, values := range r.Header {
		req.Header[key] = values
	}
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return Response{}, &Error{Sent: connected.Load(), err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Response{}, &Error{Sent: true, err: fmt.Errorf("read the answer: %w", err)}
	}
	if len(body) > maxAnswer {
		return Response{}, &Error{Sent: true, err: fmt.Errorf("the answer is larger than %d bytes", maxAnswer)}
	}
	return Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}
