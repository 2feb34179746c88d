package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// serveProcess upgrades or recreates an instance on behalf of an operator.
func (b *Broker) serveProcess(w http.ResponseWriter, r *http.Request) {
	kind := operationType(r.URL.Query().Get("operation_type"))
	if kind != opUpgrade && kind != opRecreate {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var details domain.UpdateDetails
	if !decodeBody(w, r, &details) {
		return
	}
	ctx, cancel := shielded(r.Context())
	defer cancel()
	id := instanceID(r)
	p, err := b.processPlan(details.PlanID, kind)
	if err != nil {
		b.respondError(ctx, w, id, kind, err)
		return
	}
	var operation string
	if kind == opUpgrade {
		var spec domain.UpdateServiceSpec
		spec, err = b.upgrade(ctx, id, p, details.RawContext, details.RawParameters)
		operation = spec.OperationData
	} else {
		operation, err = b.recreate(ctx, id, p)
	}
	switch {
	case errors.Is(err, errGone):
		respond(w, http.StatusGone, apiresponses.EmptyResponse{})
	case isBusy(err):
		respond(w, http.StatusConflict, apiresponses.EmptyResponse{})
	case err != nil:
		b.respondError(ctx, w, id, kind, err)
	case operation == "":
		w.WriteHeader(http.StatusNoContent) // already up to date
	default:
		respond(w, http.StatusAccepted, json.RawMessage(operation))
	}
}

func (b *Broker) processPlan(id string, kind operationType) (config.Plan, error) {
	if id == "" {
		text := fmt.Sprintf("no plan ID provided in %s request body", kind)
		return config.Plan{}, refuse(http.StatusInternalServerError, "", text)
	}
	p, ok := b.config.ServiceCatalog.Plan(id)
	if !ok {
		return p, refuse(http.StatusInternalServerError, "", fmt.Sprintf("plan %s not found", id))
	}
	return p, nil
}

// recreate makes all VMs of an instance anew and runs its post-deploy errands.
func (b *Broker) recreate(ctx context.Context, instanceID string, p config.Plan) (string, error) {
	release, err := b.changes.acquire(ctx, instanceID)
	if err != nil {
		return "", err
	}
	defer release()

	name := deploymentName(instanceID)
	_, err = b.director.Deployment(ctx, name)
	if errors.Is(err, director.ErrNotFound) {
		return "", fmt.Errorf("%w: %w", errGone, err)
	}
	if err != nil {
		return "", err
	}
	if _, err := b.idle(ctx, instanceID, ""); err != nil {
		return "", err
	}
	d := operationData{
		OperationType: opRecreate,
		Errands:       errandsOf(p.LifecycleErrands.PostDeploy),
	}
	d.BoshContextID = b.contextID(contextPrefix(opRecreate, instanceID, p.ID), d)
	d.BoshTaskID, err = b.director.Recreate(ctx, name, director.Write{ContextID: d.BoshContextID})
	if err != nil {
		return "", fmt.Errorf("recreate %s: %w", name, err)
	}
	b.started(instanceID, d)
	b.logger.InfoContext(ctx, "operation accepted",
		"cluster", instanceID, "operation", string(opRecreate), "task", d.BoshTaskID, "request_id", requestID(ctx))
	return d.String(), nil
}
