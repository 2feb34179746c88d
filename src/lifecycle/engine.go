package lifecycle

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// Engine takes requests and brings their operations to an end. Requests are
// taken whether or not it is started; they are worked on while it is.
type Engine struct {
	cfg   Config
	store store.Store
	queue *river.Client[*sql.Tx]
	log   *slog.Logger

	stopping chan struct{}
	stopOnce sync.Once
	heads    headStarts
	recorded <-chan *river.Event // closed when the end of every job is stored
}

// New makes an engine that is not started.
func New(cfg Config) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, store: cfg.Store, log: cfg.Logger, stopping: make(chan struct{})}
	if e.queue, err = newQueue(e); err != nil {
		return nil, fmt.Errorf("set up the queue of operations: %w", err)
	}
	return e, nil
}

// Start takes up what was left unfinished and returns. The context bounds the
// start alone; Stop ends what it started.
func (e *Engine) Start(ctx context.Context) error {
	reclaimed, err := e.store.ReclaimJobs(ctx)
	if err != nil {
		return fmt.Errorf("take over operations: %w", err)
	}
	requeued, err := e.requeueLost(ctx)
	if err != nil {
		return fmt.Errorf("take over operations: %w", err)
	}
	if err := e.resumeRollouts(ctx); err != nil {
		return fmt.Errorf("take over rollouts: %w", err)
	}
	if reclaimed+requeued > 0 {
		e.log.InfoContext(ctx, "Operations taken over", "jobs", reclaimed, "requeued", requeued)
	}
	e.watchEnd()
	if err := e.queue.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the queue of operations: %w", err)
	}
	e.heads.begin()
	return nil
}

// Cluster finds a cluster by its name.
func (e *Engine) Cluster(ctx context.Context, name string) (pks.Cluster, error) {
	return e.store.Cluster(ctx, name)
}

// ClusterByID finds a cluster by its UUID.
func (e *Engine) ClusterByID(ctx context.Context, id string) (pks.Cluster, error) {
	return e.store.ClusterByID(ctx, id)
}

// Clusters lists clusters by name.
func (e *Engine) Clusters(ctx context.Context, filter store.ClusterFilter) ([]*pks.Cluster, error) {
	return e.store.Clusters(ctx, filter)
}

// Events lists what happened to a cluster after the event with number after;
// limit 0 means all.
func (e *Engine) Events(ctx context.Context, clusterID string, after int64, limit int) ([]pks.Event, error) {
	return e.store.Events(ctx, clusterID, after, limit)
}

// Operation finds an operation by its UUID; store.ErrNoOperation if there is none.
func (e *Engine) Operation(ctx context.Context, id string) (pks.Operation, error) {
	return e.store.Operation(ctx, id)
}

// Operations lists a cluster's operations, newest first; limit 0 means all.
func (e *Engine) Operations(ctx context.Context, clusterID string, limit int) ([]pks.Operation, error) {
	return e.store.Operations(ctx, clusterID, limit)
}

// Ping tells whether requests can be taken.
func (e *Engine) Ping(ctx context.Context) error { return e.store.Ping(ctx) }

// now is a time that reads back from the store as it was written.
func (e *Engine) now() time.Time { return e.cfg.Now().UTC().Truncate(time.Microsecond) }
