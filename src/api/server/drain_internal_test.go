package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
	"github.com/pks-community/pks-release/src/uaa"
)

// unasked is all that the test does not ask for.
type unasked interface{ api.Clusters }

// quiet is a store with one cluster to which nothing happens.
type quiet struct {
	unasked

	asked chan struct{}
}

func (quiet) Verify(context.Context, string) (uaa.Token, error) {
	return uaa.Token{Scopes: []string{uaa.ScopeAdmin}}, nil
}
func (quiet) Cluster(context.Context, string) (pks.Cluster, error) { return pks.Cluster{ID: "1"}, nil }
func (quiet) Clusters(context.Context, store.ClusterFilter) ([]*pks.Cluster, error) {
	return nil, nil
}
func (quiet) Ping(context.Context) error { return nil }

func (q quiet) Events(context.Context, string, int64, int) ([]pks.Event, error) {
	select {
	case q.asked <- struct{}{}:
	default:
	}
	return nil, nil
}

// A request that waits for news is answered at once when the server leaves.
func TestShutdownDoesNotWaitForWhoWaits(t *testing.T) {
	t.Parallel()
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // of a certificate
	certificate, root := lender.TLS.Certificates[0], lender.Certificate()
	lender.Close()
	world := quiet{asked: make(chan struct{}, 1)}
	logger := slog.New(slog.DiscardHandler)
	handler := api.New(api.Config{Clusters: world, Verifier: world, Logger: logger})
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	served := make(chan error, 1)
	go func() { served <- serveHTTP(ctx, listener, handler, certificate, time.Minute, logger) }()

	roots := x509.NewCertPool()
	roots.AddCert(root)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	type outcome struct {
		body string
		err  error
	}
	answered := make(chan outcome, 1)
	go func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+listener.Addr().String()+"/v1/clusters/demo/events?wait=60", nil)
		if err != nil {
			answered <- outcome{err: err}
			return
		}
		request.Header.Set("Authorization", "Bearer token")
		answer, err := client.Do(request)
		if err != nil {
			answered <- outcome{err: err}
			return
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		answered <- outcome{string(body), err}
	}()
	<-world.asked
	begun := time.Now()
	leave()
	if got := <-answered; got.err != nil || got.body != "[]" {
		t.Errorf("got %q, %v", got.body, got.err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if waited := time.Since(begun); waited > drainTimeout/2 {
		t.Errorf("leaving took %s", waited)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	lender := httptest.NewTLSServer(http.NotFoundHandler())
	certificate := lender.TLS.Certificates[0]
	lender.Close()
	logger := slog.New(slog.DiscardHandler)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- serveHTTP(ctx, listener, api.New(api.Config{Logger: logger}), certificate, time.Minute, logger)
	}()
	for version, accepted := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		dialer := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version, InsecureSkipVerify: true}} // versions are what is tested
		connection, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
		if (err == nil) != accepted {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = connection.Close()
		}
	}
	leave()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
