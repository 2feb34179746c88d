package lifecycle

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"time"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

const (
	// submitFaults and pollFaults are how often in a row the broker may be at fault
	// before the operation fails: about half a minute, and about a quarter of an
	// hour, since a task may go on in BOSH while the broker cannot tell.
	submitFaults = 5
	pollFaults   = 30

	maxRetryAfter = time.Minute
)

// outcome is what a step found: how the operation and its cluster are to be
// changed, and how long to wait for the next step.
type outcome struct {
	operation pks.Operation
	failure   *pks.Failure // of an operation that is to fail
	events    []pks.Event
	// masters are the addresses found; nil leaves those known.
	masters []netip.Addr
	// machines are how many each instance group has; nil leaves what is recorded.
	machines map[string]int
	wait     time.Duration
}

func (o outcome) state() pks.OperationState { return o.operation.State }

// succeeded settles the operation.
func (e *Engine) succeeded(op pks.Operation) outcome {
	op.State = pks.OperationSucceeded
	op.Percent = 100
	op.Attempts, op.Faults = 0, 0
	op.Description = op.Completed()
	return outcome{operation: op, events: []pks.Event{{State: string(op.State), Message: op.Description}}}
}

// failed settles the operation.
func (e *Engine) failed(op pks.Operation, f *pks.Failure) outcome {
	f.OperationID = op.ID
	op.State = pks.OperationFailed
	op.Failure = f
	op.Description = printable(op.Failed(f.User))
	return outcome{operation: op, failure: f, events: []pks.Event{{State: string(op.State), BOSHTask: op.BOSHTask, Message: op.Description}}}
}

// waiting leaves the operation where it is because of err, says why, and comes
// back later, less and less often.
func (e *Engine) waiting(op pks.Operation, why string, err error) outcome {
	first := op.Attempts == 0
	op.Attempts++
	op.Description = e.activity(op) + ": " + why
	next := outcome{operation: op, wait: e.backOff(op.Attempts, err)}
	if first {
		next.events = []pks.Event{{State: "waiting", Message: op.Description}}
	}
	return next
}

// faulted is waiting with an end: after limit faults in a row the operation
// fails with f.
func (e *Engine) faulted(op pks.Operation, limit int, f *pks.Failure) outcome {
	op.Faults++
	if op.Faults >= limit {
		return e.failed(op, f)
	}
	return e.waiting(op, "the broker had a fault; trying again", f)
}

func (e *Engine) activity(op pks.Operation) string {
	if op.State == pks.OperationAccepted {
		return op.Accepted()
	}
	return op.Running()
}

// backOff doubles with each attempt, up to a bound, with a tenth of disorder so
// that many operations do not come back to a broker in one moment.
func (e *Engine) backOff(attempt int, err error) time.Duration {
	p := e.cfg.pace
	wait := p.maxBackOff
	if shift := attempt - 1; shift < 16 {
		wait = min(p.backOff<<shift, p.maxBackOff)
	}
	if wanted := retryAfter(err); wanted > wait {
		wait = min(wanted, maxRetryAfter)
	}
	return wait + rand.N(wait/10+1)
}

// commit writes the outcome in one transaction, if the operation is still as it
// was when the step began; else errOvertaken.
func (e *Engine) commit(ctx context.Context, before pks.Operation, next outcome) error {
	var began []pks.Operation // of the operation's rollout
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		rollout, err := e.lockRolloutOf(ctx, tx, next.operation)
		if err != nil {
			return err
		}
		current, err := tx.LockOperation(ctx, before.ID)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(current, before) {
			return errOvertaken
		}
		cluster, err := tx.LockCluster(ctx, before.ClusterID)
		if err != nil {
			return err
		}
		now := e.now()
		op := next.operation
		op.UpdatedAt = now
		if op.State.Settled() {
			op.SettledAt = now
		}
		for i := range next.events {
			next.events[i].OperationID = op.ID
			if next.events[i].Time.IsZero() {
				next.events[i].Time = now
				next.events[i].Percent = op.Percent
			}
		}
		if err := tx.UpdateOperation(ctx, op); err != nil {
			return err
		}
		if err := tx.AppendEvents(ctx, cluster.ID, next.events); err != nil {
			return err
		}
		if next.machines != nil {
			cluster.Machines = e.seen(cluster, op.Spec, next.machines)
		}
		if err := e.updateCluster(ctx, tx, cluster, op, next.masters); err != nil || !op.State.Settled() {
			return err
		}
		began, err = e.operationEnded(ctx, tx, rollout, op)
		return err
	})
	if err == nil {
		e.began(ctx, began)
	}
	return err
}

// updateCluster makes the cluster what the operation has led to. masters are the
// addresses found; nil leaves those known.
func (e *Engine) updateCluster(ctx context.Context, tx store.Tx, cluster pks.Cluster, op pks.Operation, masters []netip.Addr) error {
	if op.Action == pks.ActionDelete && op.State == pks.OperationSucceeded {
		return tx.DeleteCluster(ctx, cluster.ID, op.SettledAt)
	}
	shown := cluster
	show(&cluster, op)
	if op.Rotates() {
		cluster.Spec.Certificates = op.Spec.Certificates // as far as it has come
	}
	if masters != nil {
		cluster.MasterIPs = masters
	}
	if op.State == pks.OperationSucceeded && cluster.ReadyAt.IsZero() {
		cluster.ReadyAt = op.SettledAt
	}
	if op.State == pks.OperationSucceeded && op.Target != (pks.Versions{}) {
		cluster.KubernetesVersion, cluster.ProductVersion = op.Target.Kubernetes, op.Target.Product
	}
	if op.State == pks.OperationCancelled {
		restore(&cluster, op)
	}
	if shown.UpdatedAt = cluster.UpdatedAt; reflect.DeepEqual(shown, cluster) {
		return nil // clients would read the same again
	}
	return tx.UpdateCluster(ctx, cluster)
}
