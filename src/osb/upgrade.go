package osb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"code.cloudfoundry.org/brokerapi/v13/domain"
)

// Upgrade asks for the instance's manifest to be made anew from what the broker
// offers now, and to be deployed. The management API does it: an update would be
// refused for bringing along what an operator changed
// (reference/on-demand-broker.md §1.6, §2). An instance that is up to date is
// Done; one that something else is being done to gives an error of kind Busy, one
// without a deployment an error of kind Gone.
func (c *Client) Upgrade(ctx context.Context, in Instance) (Submission, error) {
	parameters, rawContext, err := in.documents()
	if err != nil {
		return Submission{}, fmt.Errorf("broker: upgrade: %w", err)
	}
	var operation json.RawMessage // the very object that polls carry as a string
	request := call{
		name: "upgrade", method: http.MethodPatch,
		path:  []string{"mgmt", "service_instances", in.ID},
		query: url.Values{"operation_type": {"upgrade"}},
		body: domain.UpdateDetails{
			ServiceID: c.serviceID, PlanID: in.PlanID, RawContext: rawContext, RawParameters: parameters,
			PreviousValues: domain.PreviousValues{ServiceID: c.serviceID, PlanID: in.PlanID, OrgID: place, SpaceID: place},
		},
		success:     []int{http.StatusAccepted, http.StatusNoContent},
		operationID: in.OperationID, requestID: in.RequestID,
	}
	status, err := c.exchange(ctx, request, &operation)
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusConflict {
		e.Kind = Busy // no other instance has the id: 409 is "in progress" here
	}
	if err != nil {
		return Submission{}, err
	}
	return Submission{Operation: string(operation), Done: status == http.StatusNoContent}, nil
}
