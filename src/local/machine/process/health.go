package process

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
)

// How often a master is asked for its health: often until it is well, seldom afterwards.
const (
	askOften  = 250 * time.Millisecond
	askSeldom = 2 * time.Second
)

// watchHealth asks a master for its health and tells of every change.
func (v *vm) watchHealth(ctx context.Context, s *segment, dial dialer, ask *healthCheck) {
	well := false
	for {
		wait := askOften
		if well {
			wait = askSeldom
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		now := ask.healthy(ctx)
		if ctx.Err() != nil {
			return
		}
		if now != well {
			well = now
			v.logger.Info("health of a master changed", "healthy", well)
			v.driver.route(s, v, dial, well)
		}
	}
}

// healthCheck asks a Kubernetes API whether it serves. It asks as the administrator: an API that has not read
// its roles yet refuses everybody else, and so it would those who are sent to it; and one without anonymous
// authentication tells nobody else.
type healthCheck struct {
	client *http.Client
	token  string
}

func newHealthCheck(spec machine.Spec, dial dialer) (*healthCheck, error) {
	admin, err := jobs.AdministratorOf(spec)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(admin.CA)) {
		return nil, errors.New("property tls.kubernetes.ca holds no certificate")
	}
	return &healthCheck{token: admin.Token, client: &http.Client{
		Timeout: statePatience,
		Transport: &http.Transport{
			DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: admin.ServerName},
			// Each question shows that connections are taken.
			DisableKeepAlives: true,
		},
	}}, nil
}

func (h *healthCheck) healthy(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://kubernetes/readyz", nil)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+h.token)
	response, err := h.client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
