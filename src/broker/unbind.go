package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"

	"github.com/pks-community/pks-release/src/broker/runner"
)

// Unbind removes the credentials of a binding, synchronously (§1.11).
func (b *Broker) Unbind(ctx context.Context, instanceID, bindingID string, details domain.UnbindDetails, _ bool) (domain.UnbindSpec, error) {
	ctx, cancel := shielded(ctx)
	defer cancel()
	return domain.UnbindSpec{}, b.answer(ctx, instanceID, "unbind", b.unbind(ctx, instanceID, bindingID, details))
}

func (b *Broker) unbind(ctx context.Context, instanceID, bindingID string, details domain.UnbindDetails) error {
	if err := b.checkService(details.ServiceID); err != nil {
		return err
	}
	p, ok := b.config.ServiceCatalog.Plan(details.PlanID)
	if !ok {
		return refuse(http.StatusInternalServerError, "", fmt.Sprintf("plan %q not found", details.PlanID))
	}
	params, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("encode the request for the adapter: %w", err)
	}
	release, err := b.bindings.acquire(ctx, instanceID+" "+bindingID)
	if err != nil {
		return err
	}
	defer release()

	request, err := b.bindingRequest(ctx, instanceID, bindingID, p)
	if errors.Is(err, apiresponses.ErrInstanceDoesNotExist) {
		b.takeBack(ctx, instanceID, bindingID)
	}
	if err != nil {
		return err
	}
	request.RequestParameters = params
	err = b.adapter.DeleteBinding(ctx, request)
	gone := errors.Is(err, runner.ErrBindingNotFound)
	if err != nil && !gone {
		return fmt.Errorf("delete binding: %w", err)
	}
	b.takeBack(ctx, instanceID, bindingID)
	if gone {
		return apiresponses.ErrBindingDoesNotExist
	}
	return nil
}
