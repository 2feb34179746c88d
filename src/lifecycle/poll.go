package lifecycle

import (
	"context"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

// poll looks how far the broker is. The state is asked for before the events, so
// that the events of an operation that has ended are all there are.
func (e *Engine) poll(ctx context.Context, cluster pks.Cluster, op pks.Operation) (outcome, error) {
	last, err := e.cfg.Broker.LastOperation(ctx, instance(cluster, op), op.BrokerOperation)
	if err != nil {
		return e.notPolled(ctx, op, err)
	}
	op, events, err := e.progress(ctx, op)
	if err != nil {
		return outcome{}, err
	}
	op.State = pks.OperationRunning
	op.Description = op.Running()
	var next outcome
	switch last.State {
	case domain.Succeeded:
		next, err = e.finish(ctx, cluster, op)
	case domain.Failed:
		next = e.failed(op, deployFailure(op, last.Description))
	default:
		op.Attempts, op.Faults = 0, 0
		next = outcome{operation: op, wait: e.cfg.PollInterval}
	}
	next.events = append(events, next.events...)
	return next, err
}

func (e *Engine) notPolled(ctx context.Context, op pks.Operation, err error) (outcome, error) {
	kind := osb.KindOf(err)
	switch {
	case ctx.Err() != nil:
		return outcome{}, err
	case kind == osb.Unavailable, kind == osb.Busy:
		return e.waiting(op, brokerAway, err), nil
	case kind == osb.Gone && op.Action == pks.ActionDelete:
		return e.succeeded(op), nil
	default:
		// Not being told how far the task is does not mean that it has failed.
		return e.faulted(op, pollFaults, refusal(err)), nil
	}
}

// progress adds the news of the BOSH tasks. They are for people to watch: when
// they cannot be had, the operation goes on without them.
func (e *Engine) progress(ctx context.Context, op pks.Operation) (pks.Operation, []pks.Event, error) {
	news, err := e.cfg.Broker.Progress(ctx, op.ClusterID, op.BrokerOperation, op.EventOffset)
	switch {
	case ctx.Err() != nil:
		return op, nil, err
	case err != nil:
		e.log.DebugContext(ctx, "Progress not known", "cluster", op.ClusterName, "operation", op.ID, "error", err)
		return op, nil, nil
	}
	before := op.Percent
	op.EventOffset = max(op.EventOffset, news.Offset)
	op.Percent = max(op.Percent, overall(op, min(news.Percent, 100)))
	if news.TaskID > 0 {
		op.BOSHTask = news.TaskID
	}
	return op, taskEvents(news, before, op.Percent), nil
}
