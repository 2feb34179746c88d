package lifecycle

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// rolloutJob looks at a rollout once. Most rollouts need it seldom: the end of one
// upgrade begins the next in the same transaction.
type rolloutJob struct {
	RolloutID string `json:"rollout_id"`
}

func (rolloutJob) Kind() string { return "rollout" }

func (rolloutJob) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: operationQueue, MaxAttempts: attempts}
}

// enqueueRollout adds a look at the rollout to the transaction.
func (e *Engine) enqueueRollout(ctx context.Context, tx store.Tx, id string) error {
	if _, err := e.queue.InsertTx(ctx, tx.SQL(), rolloutJob{RolloutID: id}, nil); err != nil {
		return fmt.Errorf("queue rollout %s: %w", id, err)
	}
	return nil
}

type rolloutWorker struct {
	river.WorkerDefaults[rolloutJob]
	engine *Engine
}

// Work takes the look, later if the database is away.
func (w *rolloutWorker) Work(ctx context.Context, job *river.Job[rolloutJob]) error {
	e := w.engine
	err := e.lookAtRollout(ctx, job.Args.RolloutID)
	switch {
	case err == nil || pks.AsFailure(err).Code == pks.CodeTaskNotFound:
		return nil
	case e.isStopping():
		return river.JobSnooze(0)
	default:
		e.log.WarnContext(ctx, "Step of a rollout put off", "rollout", job.Args.RolloutID, "error", err)
		e.outlastOutage(ctx)
		return river.JobSnooze(e.cfg.pace.store)
	}
}
