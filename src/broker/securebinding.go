package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/broker/runner"
)

// Secure binding credentials (§1.11): with a runtime CredHub the platform is given
// the name of a binding's credentials instead of the credentials, and the
// application that they are for reads them there.

// readerOf names who may read the credentials of a binding, in CredHub's words.
func readerOf(d domain.BindDetails) (string, error) {
	resource := domain.BindResource{}
	if d.BindResource != nil {
		resource = *d.BindResource
	}
	switch {
	case d.AppGUID != "":
		return "mtls-app:" + d.AppGUID, nil
	case resource.AppGuid != "":
		return "mtls-app:" + resource.AppGuid, nil
	case resource.CredentialClientID != "":
		return "uaa-client:" + resource.CredentialClientID, nil
	}
	return "", refuse(http.StatusInternalServerError, "",
		"No app-guid or credential client ID were provided in the binding request, you must configure one of these")
}

// credentialsName is where the credentials of a binding are.
func (b *Broker) credentialsName(instanceID, bindingID string) string {
	return "/c/" + b.config.ServiceCatalog.ID + "/" + instanceID + "/" + bindingID + "/credentials"
}

// handOut puts credentials where the reader finds them, and gives what the platform
// is told instead. An empty set of credentials stays as it is.
func (b *Broker) handOut(ctx context.Context, name, reader string, credentials any) (any, error) {
	switch value := credentials.(type) {
	case nil:
		return credentials, nil
	case string:
		if value == "" {
			return credentials, nil
		}
	case map[string]any:
		if len(value) == 0 {
			return credentials, nil
		}
	default:
		return nil, errors.New("store the credentials of the binding: they are neither text nor an object")
	}
	err := b.handedOut.PutDocument(ctx, name, credentials)
	if err == nil {
		err = b.handedOut.Grant(ctx, name, reader)
	}
	if err != nil {
		return nil, fmt.Errorf("store the credentials of the binding: %w", err)
	}
	return map[string]string{"credhub-ref": name}, nil
}

// takeBack removes the credentials of a binding that is gone. That it fails is not
// worth keeping the binding.
func (b *Broker) takeBack(ctx context.Context, instanceID, bindingID string) {
	if b.handedOut == nil {
		return
	}
	name := b.credentialsName(instanceID, bindingID)
	if err := b.handedOut.Delete(ctx, name); err != nil {
		b.logger.WarnContext(ctx, fmt.Sprintf("WARNING: failed to remove key '%s' from credential store", name), "error", err)
	}
}

// undoBinding leaves nothing behind of a binding whose credentials nobody can get.
func (b *Broker) undoBinding(ctx context.Context, instanceID string, d domain.BindDetails, request runner.BindingRequest) {
	b.takeBack(ctx, instanceID, request.BindingID)
	params, err := json.Marshal(domain.UnbindDetails{PlanID: d.PlanID, ServiceID: d.ServiceID})
	if err == nil {
		request.RequestParameters = params
		err = b.adapter.DeleteBinding(ctx, request)
	}
	if err != nil && !errors.Is(err, runner.ErrBindingNotFound) {
		b.logger.WarnContext(ctx, "binding was left behind", "cluster", instanceID, "error", err)
	}
}
