package broker

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pks-community/pks-release/src/director/session"
)

// Metrics are the broker's own, for Prometheus. Quotas and instance counts are
// the platform's matter: GET /mgmt/metrics.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	adapter  *prometheus.HistogramVec
	director *prometheus.HistogramVec
}

// NewMetrics makes a registry of their own.
func NewMetrics() *Metrics {
	buckets := []float64{.005, .02, .1, .5, 1, 5, 15, 60}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pks_broker_request_duration_seconds", Help: "Requests served, by method, kind of path and status.", Buckets: buckets,
		}, []string{"method", "route", "status"}),
		adapter: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pks_broker_adapter_run_duration_seconds", Help: "Runs of the service adapter, by sub-command and exit code.", Buckets: buckets,
		}, []string{"subcommand", "exit_code"}),
		director: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pks_broker_director_request_duration_seconds", Help: "Requests to the BOSH Director, by kind and status; status 0: no answer.", Buckets: buckets,
		}, []string{"kind", "status"}),
	}
	m.registry.MustRegister(m.requests, m.adapter, m.director,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Watch adds how many operations of b are under way.
func (m *Metrics) Watch(b *Broker) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pks_broker_operations_running", Help: "Operations under way that this broker watches.",
	}, func() float64 { return float64(b.view.count()) }))
}

// Director takes in one request to the Director.
func (m *Metrics) Director(c session.Call) {
	m.director.WithLabelValues(c.Kind, strconv.Itoa(c.Status)).Observe(c.Duration.Seconds())
}

// Adapter takes in one run of the adapter.
func (m *Metrics) Adapter(subcommand string, exitCode int, d time.Duration) {
	m.adapter.WithLabelValues(subcommand, strconv.Itoa(exitCode)).Observe(d.Seconds())
}

// Handler serves them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Requests counts what next serves.
func (m *Metrics) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		recorder := &statusRecorder{ResponseWriter: w}
		next.ServeHTTP(recorder, r)
		m.requests.WithLabelValues(methodOf(r), routeOf(r.URL.Path), strconv.Itoa(recorder.status)).Observe(time.Since(started).Seconds())
	})
}

// methodOf bounds the values that a stranger can make the broker count.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete:
		return r.Method
	}
	return "other"
}
