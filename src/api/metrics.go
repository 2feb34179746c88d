package api

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pks-community/pks-release/src/store"
)

// metrics are what the server counts about its requests.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	streams  prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pks_api_requests_total", Help: "Requests that were answered, by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pks_api_request_seconds", Help: "How long answers took. Streams and waits for news are in it.",
			Buckets: []float64{.001, .005, .025, .1, .5, 1, 5, 30, 120},
		}, []string{"method", "route"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "pks_api_event_streams", Help: "Clients that watch a cluster at the moment.",
		}),
	}
	if registerer != nil {
		registerer.MustRegister(m.requests, m.seconds, m.streams)
	}
	return m
}

func (m *metrics) answered(route route, status int, took time.Duration) {
	m.requests.WithLabelValues(route.method, route.path, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route.method, route.path).Observe(took.Seconds())
}

// census counts clusters (store.Store).
type census interface {
	Census(ctx context.Context) ([]store.Count, error)
}

// censusTimeout bounds the look at the database that a scrape takes.
const censusTimeout = 5 * time.Second

// Fleet tells how many clusters there are and how they are, in one query per
// scrape.
type Fleet struct {
	clusters census
	count    *prometheus.Desc
	up       *prometheus.Desc
}

// NewFleet makes a collector for the clusters of a store.
func NewFleet(clusters census) *Fleet {
	return &Fleet{
		clusters: clusters,
		count: prometheus.NewDesc("pks_clusters", "Clusters, by their last action and how it went.",
			[]string{"last_action", "last_action_state"}, nil),
		up: prometheus.NewDesc("pks_api_database_up", "1 if the database could be read for this scrape.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (f *Fleet) Describe(ch chan<- *prometheus.Desc) { ch <- f.count; ch <- f.up }

// Collect implements prometheus.Collector.
func (f *Fleet) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), censusTimeout)
	defer cancel()
	counts, err := f.clusters.Census(ctx)
	up := 1.0
	if err != nil {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(f.up, prometheus.GaugeValue, up)
	for _, c := range counts {
		ch <- prometheus.MustNewConstMetric(f.count, prometheus.GaugeValue, float64(c.Clusters), string(c.Action), string(c.State))
	}
}
