package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// load asks an application through the cluster's API all the time, over connections that are kept and
// over new ones.
type load struct {
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu     sync.Mutex
	asked  int
	failed []string
}

// startLoad begins to ask the service hello.
func (s *stack) startLoad(cluster string) *load {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "client", "kubeconfig"))
	if err != nil {
		s.t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(config.CAData)
	address := s.addressOf(cluster + ".pks.test")
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	l := &load{cancel: cancel}
	s.t.Cleanup(cancel)
	url := config.Host + "/api/v1/namespaces/default/services/http:hello:80/proxy/"
	for _, fresh := range []bool{false, true} {
		client := &http.Client{
			Timeout: 10 * time.Second,
			Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DisableKeepAlives: fresh,
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					var d net.Dialer
					return d.DialContext(ctx, network, net.JoinHostPort(address, "8443"))
				},
			},
		}
		kind := map[bool]string{true: "new connection", false: "kept connection"}[fresh]
		l.group.Go(func() {
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				err := ask(ctx, client, url, config.BearerToken)
				if ctx.Err() != nil {
					return
				}
				l.mu.Lock()
				l.asked++
				if err != nil {
					l.failed = append(l.failed, fmt.Sprintf("%s %s: %v", time.Now().Format(time.TimeOnly), kind, err))
				}
				l.mu.Unlock()
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	return l
}

func ask(ctx context.Context, client *http.Client, url, token string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.300s", resp.Status, body)
	}
	return nil
}

func (l *load) stop() (failed []string, asked int) {
	l.cancel()
	l.group.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed, l.asked
}

// addressOf reads the stack's hosts file.
func (s *stack) addressOf(name string) string {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "machines", "hosts"))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[1] == name {
			return fields[0]
		}
	}
	s.fatalf("%s is not among the clusters' names:\n%s", name, raw)
	return ""
}
