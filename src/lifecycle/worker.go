package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

type operationWorker struct {
	river.WorkerDefaults[operationJob]
	engine *Engine
}

// Work takes steps of an operation until there is nothing to do for a while. What
// it has to remember is in the store; so a job that is run again after a crash,
// or twice, does no harm.
//
// A short wait is waited for here, since giving the job back and getting it again
// takes the queue a quarter of a second; but not for long, so that every
// operation has its turn.
func (w *operationWorker) Work(ctx context.Context, job *river.Job[operationJob]) error {
	e := w.engine
	if !job.Args.Once && e.heads.holds(job.Args.OperationID) {
		return river.JobSnooze(e.aside())
	}
	began := time.Now()
	for {
		wait, err := e.step(ctx, job.Args.OperationID)
		switch {
		case err == nil && (wait == settled || job.Args.Once):
			return nil
		case err == nil && wait <= e.cfg.pace.linger && time.Since(began) < maxLinger:
			if !e.linger(ctx, wait) {
				return river.JobSnooze(wait)
			}
		case err == nil:
			return river.JobSnooze(wait)
		case e.isStopping():
			// The step is repeated at the next start.
			return river.JobSnooze(0)
		default:
			// The store failed, or the step took too long. No attempt is used up: this
			// ends when the store is back.
			e.log.WarnContext(ctx, "Step of an operation put off", "operation", job.Args.OperationID, "error", err)
			e.outlastOutage(ctx)
			return river.JobSnooze(e.cfg.pace.store)
		}
	}
}

// outlastOutage keeps the job while the database is away. The queue tries to
// store a job's end for some seconds alone; then the job would be nobody's until
// the queue rescues it, minutes after the database is back.
func (e *Engine) outlastOutage(ctx context.Context) {
	for e.store.Ping(ctx) != nil {
		if !e.linger(ctx, e.cfg.pace.store) {
			return
		}
	}
}

const maxLinger = 10 * time.Second

// linger waits, and tells whether to go on: not if the engine is being stopped.
func (e *Engine) linger(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.stopping:
		return false
	case <-ctx.Done():
		return false
	}
}

func (e *Engine) isStopping() bool {
	select {
	case <-e.stopping:
		return true
	default:
		return false
	}
}

// settled is the wait after the last step.
const settled time.Duration = -1

// step does at most one outside call that changes something, and one
// transaction after it. It returns how long to wait until the next, or settled. Its error
// means that the store could not be used, or that the context has ended.
func (e *Engine) step(ctx context.Context, operationID string) (time.Duration, error) {
	op, err := e.store.Operation(ctx, operationID)
	switch {
	case errors.Is(err, store.ErrNoOperation):
		return settled, nil
	case err != nil:
		return 0, err
	case op.State.Settled():
		return settled, nil
	}
	cluster, err := e.store.ClusterByID(ctx, op.ClusterID)
	if err != nil {
		return 0, err
	}
	if op.AskedAt.IsZero() && op.CancelRequestedAt.IsZero() {
		switch op, err = e.markAsked(ctx, op); {
		case errors.Is(err, errOvertaken):
			return 0, nil // look again at once
		case err != nil:
			return 0, err
		}
	}
	next, err := e.decide(ctx, cluster, op)
	if err != nil {
		return 0, err
	}
	switch err := e.commit(ctx, op, next); {
	case errors.Is(err, errOvertaken):
		return 0, nil // look again at once
	case err != nil:
		return 0, err
	}
	if next.state().Settled() {
		e.logSettled(ctx, op, next)
		if e.cfg.Settled != nil {
			e.cfg.Settled(next.operation)
		}
		return settled, nil
	}
	return next.wait, nil
}

// decide asks the broker what the operation's state calls for. A step that
// panics counts as a fault, so that it is repeated, but not for ever.
func (e *Engine) decide(ctx context.Context, cluster pks.Cluster, op pks.Operation) (next outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			e.log.ErrorContext(ctx, "Step of an operation panicked",
				"cluster", cluster.Name, "operation", op.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			next, err = e.faulted(op, submitFaults, pks.AsFailure(fmt.Errorf("panic: %v", p))), nil
		}
	}()
	if !op.CancelRequestedAt.IsZero() {
		return e.stop(ctx, cluster, op)
	}
	return e.carryOn(ctx, cluster, op)
}

func (e *Engine) carryOn(ctx context.Context, cluster pks.Cluster, op pks.Operation) (outcome, error) {
	if toBeAsked(op) {
		return e.submit(ctx, cluster, op)
	}
	return e.poll(ctx, cluster, op)
}

// markAsked records that the broker is about to be asked: from here on a cancel
// must find out what the broker has begun.
func (e *Engine) markAsked(ctx context.Context, op pks.Operation) (pks.Operation, error) {
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		current, err := tx.LockOperation(ctx, op.ID)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(current, op) {
			return errOvertaken
		}
		op.AskedAt = e.now()
		return tx.UpdateOperation(ctx, op)
	})
	return op, err
}

// errOvertaken: another worker has brought the operation on meanwhile.
var errOvertaken = errors.New("the operation has changed meanwhile")

func (e *Engine) logSettled(ctx context.Context, op pks.Operation, next outcome) {
	attrs := []any{
		"cluster", op.ClusterName, "operation", op.ID, "action", string(op.Action), "request_id", op.RequestID,
		"state", string(next.state()), "took", e.now().Sub(op.CreatedAt),
	}
	if f := next.failure; f != nil {
		e.log.ErrorContext(ctx, "Operation failed", append(attrs, "task", f.BOSHTask, "error", f)...)
		return
	}
	if next.state() == pks.OperationCancelled {
		e.log.InfoContext(ctx, "Operation cancelled", append(attrs, "landed", string(next.operation.Landed))...)
		return
	}
	e.log.InfoContext(ctx, "Operation succeeded", attrs...)
}

func decodeArgs(row *rivertype.JobRow, args *operationJob) error {
	if err := json.Unmarshal(row.EncodedArgs, args); err != nil {
		return fmt.Errorf("decode job %d: %w", row.ID, err)
	}
	if args.OperationID == "" {
		return fmt.Errorf("job %d: %w", row.ID, errNoArgs)
	}
	return nil
}
