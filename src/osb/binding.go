package osb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain"
)

// Bind asks for credentials and returns the credentials document as it came.
func (c *Client) Bind(ctx context.Context, b Binding) (json.RawMessage, error) {
	parameters, err := json.Marshal(bindParameters{User: b.User, ClusterName: b.ClusterName, Suppress: b.WithoutRights, Account: b.ServiceAccount, LoginOnly: b.LoginOnly})
	if err != nil {
		return nil, fmt.Errorf("broker: bind: %w", err)
	}
	rawContext, err := json.Marshal(brokerContext{Platform: platform, ClusterName: b.ClusterName, Owner: b.User})
	if err != nil {
		return nil, fmt.Errorf("broker: bind: %w", err)
	}
	var answer struct {
		Credentials json.RawMessage `json:"credentials"`
	}
	status, err := c.exchange(ctx, b.call(call{
		name: "bind", method: http.MethodPut,
		body: domain.BindDetails{
			ServiceID: c.serviceID, PlanID: b.PlanID,
			BindResource: &domain.BindResource{},
			RawContext:   rawContext, RawParameters: parameters,
		},
		success: []int{http.StatusOK, http.StatusCreated},
	}), &answer)
	if err != nil {
		return nil, err
	}
	if len(answer.Credentials) == 0 || string(answer.Credentials) == "null" {
		return nil, &Error{Kind: Fault, Call: "bind", Status: status, cause: errors.New("answer holds no credentials")}
	}
	return answer.Credentials, nil
}

// Unbind ends credentials. Those that do not exist give an error of kind Gone.
func (c *Client) Unbind(ctx context.Context, b Binding) error {
	_, err := c.exchange(ctx, b.call(call{
		name: "unbind", method: http.MethodDelete, query: c.identity(b.PlanID), success: []int{http.StatusOK},
	}), nil)
	return err
}

func (b Binding) call(request call) call {
	request.path = []string{"v2", "service_instances", b.InstanceID, "service_bindings", b.ID}
	request.requestID = b.RequestID
	return request
}
