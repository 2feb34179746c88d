package broker

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/healthcheck"
)

// checkHealth asks the broker that runs with the configuration whether it answers.
func checkHealth(ctx context.Context, path string, wait time.Duration) error {
	c, _, err := config.Load(path)
	if err != nil {
		return err
	}
	scheme := "https"
	if c.Broker.TLS.CertFile == "" {
		scheme = "http"
	}
	address := net.JoinHostPort(c.Broker.BindAddress, strconv.Itoa(c.Broker.Port))
	return healthcheck.Await(ctx, healthcheck.URL(scheme, address, "/healthz"), c.Broker.TLS.CertFile, wait)
}
