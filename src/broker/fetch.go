package broker

import (
	"context"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain"
)

// Instances and bindings are not retrievable: the broker keeps none, and the
// catalog says so (§1).

// GetInstance is not offered.
func (b *Broker) GetInstance(context.Context, string, domain.FetchInstanceDetails) (domain.GetInstanceDetailsSpec, error) {
	return domain.GetInstanceDetailsSpec{}, refuse(http.StatusNotFound, "", "GetInstance Not Implemented")
}

// GetBinding is not offered.
func (b *Broker) GetBinding(context.Context, string, string, domain.FetchBindingDetails) (domain.GetBindingSpec, error) {
	return domain.GetBindingSpec{}, refuse(http.StatusNotFound, "", "GetBinding Not Implemented")
}

// LastBindingOperation is not offered: bindings are made synchronously.
func (b *Broker) LastBindingOperation(context.Context, string, string, domain.PollDetails) (domain.LastOperation, error) {
	return domain.LastOperation{}, refuse(http.StatusNotFound, "", "LastBindingOperation Not Implemented")
}
