package osb

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
)

var acceptsIncomplete = url.Values{"accepts_incomplete": {"true"}}

// Provision asks for the instance. Asking again for the same is harmless: the
// broker answers with the same operation, or that it is done.
func (c *Client) Provision(ctx context.Context, in Instance) (Submission, error) {
	parameters, rawContext, err := in.documents()
	if err != nil {
		return Submission{}, fmt.Errorf("broker: provision: %w", err)
	}
	var answer apiresponses.ProvisioningResponse
	status, err := c.exchange(ctx, in.call(call{
		name: "provision", method: http.MethodPut, query: acceptsIncomplete,
		body: domain.ProvisionDetails{
			ServiceID: c.serviceID, PlanID: in.PlanID, OrganizationGUID: place, SpaceGUID: place,
			RawContext: rawContext, RawParameters: parameters,
		},
		success: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted},
	}), &answer)
	return submission(status, answer.OperationData), err
}

// Update asks for the instance to become what its spec says.
func (c *Client) Update(ctx context.Context, in Instance) (Submission, error) {
	parameters, rawContext, err := in.documents()
	if err != nil {
		return Submission{}, fmt.Errorf("broker: update: %w", err)
	}
	var answer apiresponses.UpdateResponse
	status, err := c.exchange(ctx, in.call(call{
		name: "update", method: http.MethodPatch, query: acceptsIncomplete,
		body: domain.UpdateDetails{
			ServiceID: c.serviceID, PlanID: in.PlanID,
			RawContext: rawContext, RawParameters: parameters,
			PreviousValues: domain.PreviousValues{ServiceID: c.serviceID, PlanID: in.PlanID, OrgID: place, SpaceID: place},
		},
		success: []int{http.StatusOK, http.StatusAccepted},
	}), &answer)
	return submission(status, answer.OperationData), err
}

// Deprovision asks for the end of the instance. An instance that does not exist
// gives an error of kind Gone.
func (c *Client) Deprovision(ctx context.Context, in Instance) (Submission, error) {
	query := c.identity(in.PlanID)
	query.Set("accepts_incomplete", "true")
	var answer apiresponses.DeprovisionResponse
	status, err := c.exchange(ctx, in.call(call{
		name: "deprovision", method: http.MethodDelete, query: query,
		success: []int{http.StatusOK, http.StatusAccepted},
	}), &answer)
	return submission(status, answer.OperationData), err
}

// LastOperation asks how far the operation is that a Submission named.
func (c *Client) LastOperation(ctx context.Context, in Instance, operation string) (LastOperation, error) {
	query := c.identity(in.PlanID)
	if operation != "" {
		query.Set("operation", operation)
	}
	request := in.call(call{name: "last operation", method: http.MethodGet, query: query, success: []int{http.StatusOK}})
	request.path = append(request.path, "last_operation")
	var answer apiresponses.LastOperationResponse
	if _, err := c.exchange(ctx, request, &answer); err != nil {
		return LastOperation{}, err
	}
	switch answer.State {
	case domain.InProgress, domain.Succeeded, domain.Failed:
		return LastOperation{State: answer.State, Description: clip(answer.Description)}, nil
	default:
		return LastOperation{}, &Error{
			Kind: Fault, Call: request.name, Status: http.StatusOK,
			cause: fmt.Errorf("state %q is none of OSB 2.17", clip(string(answer.State))),
		}
	}
}

func submission(status int, operation string) Submission {
	return Submission{Operation: operation, Done: status == http.StatusOK || status == http.StatusCreated}
}

// identity is the query that OSB wants wherever there is no body.
func (c *Client) identity(planID string) url.Values {
	return url.Values{"service_id": {c.serviceID}, "plan_id": {planID}}
}

func (in Instance) call(request call) call {
	request.path = []string{"v2", "service_instances", in.ID}
	request.operationID, request.requestID = in.OperationID, in.RequestID
	return request
}

func (in Instance) documents() (parameters, rawContext json.RawMessage, err error) {
	parameters, err = json.Marshal(in.Spec)
	if err != nil {
		return nil, nil, fmt.Errorf("encode spec: %w", err)
	}
	rawContext, err = json.Marshal(brokerContext{Platform: platform, ClusterName: in.Name, Owner: in.Owner})
	return parameters, rawContext, err
}
