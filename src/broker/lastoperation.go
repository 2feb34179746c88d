package broker

import (
	"context"
	"fmt"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/director"
)

// LastOperation answers polls from the task view. Only the first poll for an
// operation that this process does not know asks the Director.
func (b *Broker) LastOperation(ctx context.Context, instanceID string, details domain.PollDetails) (domain.LastOperation, error) {
	d, err := parseOperation(details.OperationData)
	if err != nil {
		return domain.LastOperation{}, b.answer(ctx, instanceID, "", err)
	}
	o, err := b.watched(ctx, instanceID, d)
	if err != nil {
		return domain.LastOperation{}, b.answer(ctx, instanceID, d.OperationType, err)
	}
	return b.describe(ctx, instanceID, d, o.current()), nil
}

// watched finds an operation in the view, and takes it up when it is not there:
// after a restart of the broker, the first poll does so.
func (b *Broker) watched(ctx context.Context, instanceID string, d operationData) (*operation, error) {
	o := b.view.track(instanceID, d, nil)
	if o.known() {
		return o, nil
	}
	ctx, cancel := shielded(ctx)
	defer cancel()
	if err := o.advance(ctx); err != nil {
		return nil, fmt.Errorf("look for task %d: %w", d.BoshTaskID, err)
	}
	return o, nil
}

func (b *Broker) describe(ctx context.Context, instanceID string, d operationData, s status) domain.LastOperation {
	subject := "Instance " + d.OperationType.noun()
	switch s.outcome {
	case succeeded:
		return domain.LastOperation{State: domain.Succeeded, Description: subject + " completed"}
	case failed:
		if s.task.State != "" && !s.task.State.Known() {
			b.logger.WarnContext(ctx, "Unrecognised BOSH task state: "+string(s.task.State), "task", s.task.ID)
		}
		return domain.LastOperation{State: domain.Failed, Description: b.failedText(ctx, instanceID, d, s)}
	default:
		return domain.LastOperation{State: domain.InProgress, Description: subject + " in progress"}
	}
}

func (b *Broker) failedText(ctx context.Context, instanceID string, d operationData, s status) string {
	text := fmt.Sprintf("Instance %s failed: %s", d.OperationType.noun(), b.genericText(ctx, instanceID, d.OperationType, s.task.ID))
	if d.OperationType == opUpgrade {
		text = fmt.Sprintf("Failed for bosh task: %d", s.task.ID)
	}
	if b.config.Broker.ExposeOperationalErrors && s.cause != "" {
		text += ", error-message: " + s.cause
	}
	return text
}

// started makes an accepted operation known to the view, so that it is advanced
// whether or not anybody polls.
func (b *Broker) started(instanceID string, d operationData) {
	b.view.track(instanceID, d, &director.Task{
		ID: d.BoshTaskID, State: director.Queued, Deployment: deploymentName(instanceID), ContextID: d.BoshContextID,
	})
}
