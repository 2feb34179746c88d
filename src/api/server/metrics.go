package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// measurements are all that the program tells about itself.
type measurements struct {
	registry   *prometheus.Registry
	operations *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
}

func newMeasurements(build Build, database *store.SQL) *measurements {
	m := &measurements{
		registry: prometheus.NewRegistry(),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pks_operations_settled_total", Help: "Operations that this process has brought to an end.",
		}, []string{"action", "state"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pks_operation_seconds", Help: "How long operations took that succeeded.",
			Buckets: []float64{1, 10, 60, 300, 600, 1200, 1800, 3600, 7200},
		}, []string{"action"}),
	}
	built := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pks_api_build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": build.Version, "commit": build.Commit},
	})
	built.Set(1)
	m.registry.MustRegister(m.operations, m.seconds, built, api.NewFleet(database),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *measurements) settled(op pks.Operation) {
	m.operations.WithLabelValues(string(op.Action), string(op.State)).Inc()
	if op.State == pks.OperationSucceeded {
		m.seconds.WithLabelValues(string(op.Action)).Observe(time.Since(op.CreatedAt).Seconds())
	}
}

// listen opens the port for scrapes; nil for no address.
func (m *measurements) listen(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// serve answers scrapes until ctx ends.
func (m *measurements) serve(ctx context.Context, listener net.Listener, logger *slog.Logger) error {
	if listener == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
	server := &http.Server{
		Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	logger.InfoContext(ctx, "metrics ready", "address", listener.Addr().String())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve metrics: %w", err)
	case <-ctx.Done():
	}
	err := server.Close() // a scrape that is cut off is made again
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

func closeAny(listener net.Listener) error {
	if listener == nil {
		return nil
	}
	return listener.Close()
}
