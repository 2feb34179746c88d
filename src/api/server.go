package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
	"github.com/pks-community/pks-release/src/uaa"
)

// Engine makes changes (lifecycle.Engine).
type Engine interface {
	ProfileEngine
	QuotaEngine

	Create(context.Context, lifecycle.CreateRequest) (pks.Cluster, error)
	Update(context.Context, lifecycle.UpdateRequest) (pks.Cluster, error)
	Delete(context.Context, lifecycle.DeleteRequest) (pks.Cluster, error)
	Bind(context.Context, lifecycle.BindRequest) (v1.Kubeconfig, error)
	Cancel(context.Context, lifecycle.CancelRequest) (pks.Operation, error)
	Retry(context.Context, lifecycle.RetryRequest) (pks.Cluster, error)
	// Preview tells what making the cluster of its spec would do.
	Preview(ctx context.Context, action pks.Action, c pks.Cluster, requestID string) (osb.Preview, error)
	RotateCertificates(context.Context, lifecycle.RotateRequest) (pks.Cluster, error)
	// Certificates asks the broker which certificates a cluster uses.
	Certificates(context.Context, pks.Cluster) ([]osb.Certificate, error)
	// Machines asks BOSH how the machines of a cluster are.
	Machines(context.Context, pks.Cluster) ([]osb.Machine, error)
	// ExpectedEnd is the zero time when nothing is known.
	ExpectedEnd(context.Context, pks.Operation) (time.Time, error)
	KeepReceipt(context.Context, store.Receipt) error
}

// Clusters answers reads (store.Store). Reads never leave the database.
type Clusters interface {
	store.ProfileReader
	store.QuotaReader

	Cluster(ctx context.Context, name string) (pks.Cluster, error)
	Clusters(context.Context, store.ClusterFilter) ([]*pks.Cluster, error)
	Events(ctx context.Context, clusterID string, after int64, limit int) ([]pks.Event, error)
	Operation(ctx context.Context, id string) (pks.Operation, error)
	Operations(ctx context.Context, clusterID string, limit int) ([]pks.Operation, error)
	Receipt(ctx context.Context, id string) (r store.Receipt, found bool, err error)
	Ping(context.Context) error
}

// Verifier tells whose a token is (uaa.Verifier).
type Verifier interface {
	Verify(ctx context.Context, token string) (uaa.Token, error)
}

// Config is what a Server is made of. All members are required but those with a
// default.
type Config struct {
	Engine   Engine
	Clusters Clusters
	Rollouts Rollouts
	Verifier Verifier
	Plans    []pks.Plan

	// KubernetesVersion is what a new cluster gets.
	KubernetesVersion string
	Build             v1.BuildInfo
	// InstancesLogin opens GET /service_instances beside tokens, for brokers, which
	// know basic authentication alone. Zero: tokens only.
	InstancesLogin pks.BasicCredentials
	// UAAURL is where clients get their tokens; told without a token.
	UAAURL string

	// Locked tells whether a backup is being made; nil: never.
	Locked func() bool

	// RequestTimeout bounds the work for one request, credentials included,
	// for which the broker talks to the cluster. Default 2 minutes.
	RequestTimeout time.Duration
	// BodyTimeout is how long a client may take to send a body. Default 30 s.
	BodyTimeout time.Duration
	Logger      *slog.Logger
	// Metrics gets what the server counts; nil: nobody does.
	Metrics prometheus.Registerer
}

// Server answers the REST API. Use Handler; it is safe for concurrent use.
type Server struct {
	config Config
	plans  plans
	offer  string // part of entity tags

	refusals throttle
	rendered rendered
	metrics  *metrics
	alive    pulse
	// swaggerDocument converts once, when first asked.
	swaggerDocument func() (json.RawMessage, error)
	mux             *mux.Router
	handler         http.Handler

	drainOnce sync.Once
	draining  chan struct{}
}

// New prepares a server. It starts nothing: hand Handler to an http.Server.
func New(config Config) *Server {
	if config.RequestTimeout == 0 {
		config.RequestTimeout = 2 * time.Minute
	}
	if config.BodyTimeout == 0 {
		config.BodyTimeout = 30 * time.Second
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: config, plans: plans(config.Plans), offer: offerTag(config), metrics: newMetrics(config.Metrics), swaggerDocument: sync.OnceValues(Swagger), draining: make(chan struct{})}
	s.mux = s.router()
	s.handler = s.identify(s.recoverPanics(straighten(s.mux)))
	return s
}

// Handler serves every path of the API.
func (s *Server) Handler() http.Handler { return s.handler }

// Drain ends requests that only wait for news, so that a shutdown need not wait
// for them. From then on none is held back.
func (s *Server) Drain() { s.drainOnce.Do(func() { close(s.draining) }) }
