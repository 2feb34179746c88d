// Package healthcheck asks a program on the same machine whether it answers. BOSH's
// post-start scripts wait for that, and BOSH DNS asks again and again.
package healthcheck

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"
)

const (
	patience = 3 * time.Second // of one question
	interval = 500 * time.Millisecond
)

// Await asks until url answers with a status below 300, at least once, for as long
// as wait. The server must show the certificate in the PEM file, whatever host name
// that is for: what else listens on the port does not count. An empty file name is
// for a server without TLS.
func Await(ctx context.Context, url, certificateFile string, wait time.Duration) error {
	client, err := newClient(certificateFile)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(wait)
	for {
		err := ask(ctx, client, url)
		if err == nil || !time.Now().Add(interval).Before(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(interval):
		}
	}
}

// URL is where a server that listens on the address is reached from the same
// machine. Path begins with a slash.
func URL(scheme, address, path string) string {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
			host = "127.0.0.1"
			if ip.Is6() {
				host = "::1"
			}
		}
		address = net.JoinHostPort(host, port)
	}
	return scheme + "://" + address + path
}

func newClient(certificateFile string) (*http.Client, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	if certificateFile != "" {
		text, err := os.ReadFile(certificateFile)
		if err != nil {
			return nil, fmt.Errorf("read the server's certificate: %w", err)
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("%s holds no PEM certificate", certificateFile)
		}
		transport.TLSClientConfig = &tls.Config{
			InsecureSkipVerify: true, // the very certificate is known
			VerifyConnection: func(state tls.ConnectionState) error {
				if string(state.PeerCertificates[0].Raw) != string(block.Bytes) {
					return errors.New("the server shows another certificate than the configured one")
				}
				return nil
			},
		}
	}
	return &http.Client{Transport: transport, Timeout: patience}, nil
}

func ask(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err // names the URL
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s answers %s: %s", url, response.Status, body)
	}
	return nil
}
