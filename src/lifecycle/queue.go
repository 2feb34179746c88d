package lifecycle

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/pks-community/pks-release/src/store"
)

const (
	operationQueue = "operations"
	// pruneInterval is how often old history is removed.
	pruneInterval = 24 * time.Hour
	// reclaimInterval is how often one of several servers looks for jobs of those
	// that have died.
	reclaimInterval = 15 * time.Second
	// attempts is what the queue's tables can count. Steps do not use them up: a
	// step that gets nowhere waits and is not an error.
	attempts = 1<<15 - 1
)

// operationJob brings one operation to its end, some steps each time it runs.
type operationJob struct {
	OperationID string `json:"operation_id"`
	// Once takes one step, beside the job that carries the operation on.
	Once bool `json:"once,omitempty"`
}

func (operationJob) Kind() string { return "operation" }

func (operationJob) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: operationQueue, MaxAttempts: attempts}
}

// newQueue makes the River client.
func newQueue(e *Engine) (*river.Client[*sql.Tx], error) {
	config, err := queueConfig(e)
	if err != nil {
		return nil, err
	}
	return river.NewClient(e.store.Queue().Driver(), config)
}

// queueConfig is how the queue works for the engine. Jobs are kept no longer than
// it takes to look into trouble, since the operations have all that matters.
func queueConfig(e *Engine) (*river.Config, error) {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &operationWorker{engine: e}); err != nil {
		return nil, err
	}
	if err := river.AddWorkerSafely(workers, &pruneWorker{engine: e}); err != nil {
		return nil, err
	}
	if err := river.AddWorkerSafely(workers, &rolloutWorker{engine: e}); err != nil {
		return nil, err
	}
	periodic := []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(pruneInterval),
			func() (river.JobArgs, *river.InsertOpts) { return pruneJob{}, nil }, nil),
	}
	if e.store.Queue().Dialect == store.Postgres {
		if err := river.AddWorkerSafely(workers, &reclaimWorker{engine: e}); err != nil {
			return nil, err
		}
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(reclaimInterval),
			func() (river.JobArgs, *river.InsertOpts) { return reclaimJob{}, nil },
			&river.PeriodicJobOpts{RunOnStart: true}))
	}
	return &river.Config{
		CompletedJobRetentionPeriod: time.Hour,
		FetchCooldown:               min(50*time.Millisecond, e.cfg.pace.fetch),
		FetchPollInterval:           e.cfg.pace.fetch,
		JobTimeout:                  e.cfg.stepTimeout(),
		RescueStuckJobsAfter:        e.cfg.stepTimeout() + 30*time.Second,
		Logger:                      slog.New(quietHandler{e.log.Handler()}),
		PeriodicJobs:                periodic,
		ID:                          e.store.Queue().Worker,
		Queues:                      map[string]river.QueueConfig{operationQueue: {MaxWorkers: e.cfg.Workers}},
		Workers:                     workers,
	}, nil
}

// enqueue adds the operation's job to the transaction that stores the operation.
func (e *Engine) enqueue(ctx context.Context, tx store.Tx, operationID string) error {
	if _, err := e.queue.InsertTx(ctx, tx.SQL(), operationJob{OperationID: operationID}, nil); err != nil {
		return fmt.Errorf("queue operation %s: %w", operationID, err)
	}
	return nil
}

// enqueueOnce has one step taken soon, so that a wish need not wait for the next
// look at the operation.
func (e *Engine) enqueueOnce(ctx context.Context, tx store.Tx, operationID string) error {
	if _, err := e.queue.InsertTx(ctx, tx.SQL(), operationJob{OperationID: operationID, Once: true}, nil); err != nil {
		return fmt.Errorf("queue operation %s: %w", operationID, err)
	}
	return nil
}

// requeueLost gives a job to every unsettled operation that has none. There is
// none unless the queue's tables were emptied or restored by hand.
func (e *Engine) requeueLost(ctx context.Context) (int, error) {
	unsettled, err := e.store.UnsettledOperations(ctx)
	if err != nil || len(unsettled) == 0 {
		return 0, err
	}
	queued, err := e.queuedOperations(ctx)
	if err != nil {
		return 0, err
	}
	lost := 0
	for _, op := range unsettled {
		if queued[op.ID] {
			continue
		}
		err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return e.enqueue(ctx, tx, op.ID) })
		if err != nil {
			return lost, err
		}
		lost++
	}
	return lost, nil
}

// queuedOperations are those that have a job which will run.
func (e *Engine) queuedOperations(ctx context.Context) (map[string]bool, error) {
	const page = 10_000
	queued := map[string]bool{}
	params := river.NewJobListParams().
		Kinds(operationJob{}.Kind()).
		States(rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
			rivertype.JobStateRunning, rivertype.JobStateScheduled).
		OrderBy(river.JobListOrderByID, river.SortOrderAsc).
		First(page)
	for {
		list, err := e.queue.JobList(ctx, params)
		if err != nil {
			return nil, fmt.Errorf("list queued operations: %w", err)
		}
		for _, row := range list.Jobs {
			var job river.Job[operationJob]
			if err := decodeArgs(row, &job.Args); err != nil {
				return nil, err
			}
			if !job.Args.Once {
				queued[job.Args.OperationID] = true
			}
		}
		if len(list.Jobs) < page {
			return queued, nil
		}
		params = params.After(list.LastCursor)
	}
}

// quietHandler passes warnings and errors alone: the queue's routine is not the
// operator's, nor is what it gives up because it is being stopped.
type quietHandler struct{ slog.Handler }

func (h quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	cancelled := false
	r.Attrs(func(a slog.Attr) bool {
		cancelled = strings.Contains(a.Value.String(), context.Canceled.Error())
		return !cancelled
	})
	if cancelled {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h quietHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(a)}
}
func (h quietHandler) WithGroup(n string) slog.Handler { return quietHandler{h.Handler.WithGroup(n)} }

var errNoArgs = errors.New("job has no operation id")
