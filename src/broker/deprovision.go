package broker

import (
	"context"
	"errors"
	"fmt"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"

	"github.com/pks-community/pks-release/src/director"
)

// Deprovision deletes an instance: its pre-delete errands, then its deployment.
// The same request again, while the deletion runs, answers with that operation;
// when there is nothing left, with 410.
func (b *Broker) Deprovision(ctx context.Context, instanceID string, details domain.DeprovisionDetails, asyncAllowed bool) (domain.DeprovisionServiceSpec, error) {
	ctx, cancel := shielded(ctx)
	defer cancel()
	kind := opDelete
	if details.Force {
		kind = opForceDelete
	}
	spec, err := b.deprovision(ctx, instanceID, details, kind, asyncAllowed)
	return spec, b.answer(ctx, instanceID, kind, err)
}

func (b *Broker) deprovision(ctx context.Context, instanceID string, details domain.DeprovisionDetails, kind operationType, asyncAllowed bool) (domain.DeprovisionServiceSpec, error) {
	none := domain.DeprovisionServiceSpec{}
	if !asyncAllowed {
		return none, apiresponses.ErrAsyncRequired
	}
	if err := b.checkService(details.ServiceID); err != nil {
		return none, err
	}
	release, err := b.changes.acquire(ctx, instanceID)
	if err != nil {
		return none, err
	}
	defer release()

	name := deploymentName(instanceID)
	deployment, err := b.director.Deployment(ctx, name)
	if errors.Is(err, director.ErrNotFound) {
		return none, b.alreadyGone(ctx, name)
	}
	if err != nil {
		return none, unlessAway("delete", err)
	}
	d := operationData{OperationType: kind}
	if p, ok := b.config.ServiceCatalog.Plan(details.PlanID); ok && deployment.Manifest != nil {
		d.Errands = errandsOf(p.LifecycleErrands.PreDelete) // nothing runs on what was never deployed
	}
	prefix := deletionPrefix(instanceID)
	same, err := b.idle(ctx, instanceID, prefix)
	if err != nil {
		return none, unlessAway("delete", err)
	}
	if same != nil {
		d.BoshTaskID, d.BoshContextID = same.BoshTaskID, same.BoshContextID
		return domain.DeprovisionServiceSpec{IsAsync: true, OperationData: d.String()}, nil
	}
	d.BoshContextID = b.contextID(prefix, d)
	if d.BoshTaskID, err = b.beginDeletion(ctx, name, d); err != nil {
		if errors.Is(err, director.ErrNotFound) {
			return none, b.alreadyGone(ctx, name)
		}
		return none, err
	}
	b.started(instanceID, d)
	b.logger.InfoContext(ctx, "operation accepted",
		"cluster", instanceID, "operation", string(kind), "task", d.BoshTaskID, "request_id", requestID(ctx))
	return domain.DeprovisionServiceSpec{IsAsync: true, OperationData: d.String()}, nil
}

func (b *Broker) beginDeletion(ctx context.Context, name string, d operationData) (int, error) {
	write := director.Write{ContextID: d.BoshContextID}
	if first := d.steps()[0]; first.errand != nil {
		task, err := b.runErrand(ctx, name, *first.errand, write)
		if err != nil {
			return 0, fmt.Errorf("run errand %s on %s: %w", first.errand.Name, name, err)
		}
		return task, nil
	}
	task, err := b.director.Delete(ctx, name, d.OperationType == opForceDelete, write)
	if err != nil {
		return 0, fmt.Errorf("delete %s: %w", name, err)
	}
	return task, nil
}

// maxPlainID is the longest instance id that fits into a context id as it is.
const maxPlainID = 39

// deletionPrefix holds the instance's id, by which operators find deletions.
func deletionPrefix(instanceID string) string {
	if len(instanceID) > maxPlainID {
		return contextPrefix(opDelete, instanceID)
	}
	return string(opDelete) + "-" + instanceID + "-"
}

// alreadyGone cleans up behind a deployment that somebody else deleted.
func (b *Broker) alreadyGone(ctx context.Context, name string) error {
	if err := b.cleanUp(ctx, name); err != nil {
		return &operatorError{"Unable to delete service. Please try again later or contact your operator.", err}
	}
	return apiresponses.ErrInstanceDoesNotExist
}
