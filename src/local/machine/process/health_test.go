package process

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/machine"
)

// A master that answers only its administrator has not read its roles yet, or lets nobody else ask: neither
// says whether it serves, so the administrator is who asks.
func TestHealthIsAskedAsAdministrator(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int // for the administrator; others are refused
		want   bool
	}{
		"serves":      {http.StatusOK, true},
		"not ready":   {http.StatusInternalServerError, false},
		"not let in":  {http.StatusForbidden, false},
		"not known":   {http.StatusUnauthorized, false},
		"another way": {http.StatusFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" || r.Header.Get("Authorization") != "Bearer secret" {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				w.WriteHeader(c.status)
			}))
			server.StartTLS()
			t.Cleanup(server.Close)
			ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
			check, err := newHealthCheck(master(ca, "secret"), func(ctx context.Context) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "tcp", server.Listener.Addr().String())
			})
			if err != nil {
				t.Fatal(err)
			}
			check.client.Transport.(*http.Transport).TLSClientConfig.ServerName = "example.com" // the test server's name
			if got := check.healthy(t.Context()); got != c.want {
				t.Errorf("healthy: %t", got)
			}
			check.client.Transport.(*http.Transport).TLSClientConfig.ServerName = "master.cfcr.internal"
			if check.healthy(t.Context()) {
				t.Error("a certificate for another name is believed")
			}
		})
	}
}

func TestHealthNeedsTheMastersProperties(t *testing.T) {
	t.Parallel()
	for want, spec := range map[string]machine.Spec{
		"no Kubernetes API":          {},
		"tls.kubernetes.ca":          master("", "secret"),
		"admin-password":             master("PEM", ""),
		"tls.kubernetes.ca holds no": master("PEM", "secret"),
	} {
		if _, err := newHealthCheck(spec, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func master(ca, token string) machine.Spec {
	return machine.Spec{Jobs: []machine.Job{{Name: machine.KubernetesAPIJob, Properties: map[string]any{
		"admin-password": token, "tls": map[string]any{"kubernetes": map[string]any{"ca": ca}},
	}}}}
}
