package lifecycle

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/pks-community/pks-release/src/store"
)

// receiptRetention is how long at least a key keeps a request from being carried
// out twice.
const receiptRetention = 24 * time.Hour

// pruneJob removes old history.
type pruneJob struct{}

func (pruneJob) Kind() string { return "prune_history" }

func (pruneJob) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: operationQueue} }

type pruneWorker struct {
	river.WorkerDefaults[pruneJob]
	engine *Engine
}

// Work removes the history of clusters that have been gone, and of rollouts that
// have ended, for long.
func (w *pruneWorker) Work(ctx context.Context, _ *river.Job[pruneJob]) error {
	e := w.engine
	return e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		if err := tx.PruneReceipts(ctx, e.now().Add(-receiptRetention)); err != nil {
			return err
		}
		if _, err := tx.PruneRollouts(ctx, e.now().Add(-e.cfg.HistoryRetention)); err != nil {
			return err
		}
		n, err := tx.Prune(ctx, e.now().Add(-e.cfg.HistoryRetention))
		if err == nil && n > 0 {
			e.log.InfoContext(ctx, "History pruned", "operations", n)
		}
		return err
	})
}

// reclaimJob looks for jobs of servers that have died.
type reclaimJob struct{}

func (reclaimJob) Kind() string { return "reclaim_jobs" }

func (reclaimJob) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: operationQueue, MaxAttempts: 1}
}

type reclaimWorker struct {
	river.WorkerDefaults[reclaimJob]
	engine *Engine
}

// Work gives jobs of dead servers back to the queue.
func (w *reclaimWorker) Work(ctx context.Context, _ *river.Job[reclaimJob]) error {
	n, err := w.engine.store.ReclaimJobs(ctx)
	if err == nil && n > 0 {
		w.engine.log.WarnContext(ctx, "Operations of a dead server taken over", "jobs", n)
	}
	return err
}
