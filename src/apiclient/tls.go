package apiclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
)

// ErrBadCA: the CA certificate given is none.
var ErrBadCA = errors.New("it holds no PEM certificate")

// TLS says how the server's certificate is checked.
type TLS struct {
	CA         []byte // PEM; trusted beside the system's authorities
	SkipVerify bool   // check nothing
}

// Config is the same for crypto/tls.
func (t TLS) Config() (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: t.SkipVerify, // asked for by name: --skip-ssl-validation
	}
	if len(t.CA) == 0 {
		return config, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(t.CA) {
		return nil, ErrBadCA
	}
	config.RootCAs = pool
	return config, nil
}

// Transport is a new transport with time-outs on each step of connecting.
func (t TLS) Transport() (*http.Transport, error) {
	config, err := t.Config()
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   handshakeTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   4,
		ForceAttemptHTTP2:     true,
		ExpectContinueTimeout: time.Second,
	}, nil
}
