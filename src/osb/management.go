package osb

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"code.cloudfoundry.org/brokerapi/v13/domain"
)

// Progress asks for the news of an operation since offset, 0 for all. A broker
// without this addition gives an error of kind NotFound.
func (c *Client) Progress(ctx context.Context, instanceID, operation string, offset int64) (Progress, error) {
	var answer Progress
	_, err := c.exchange(ctx, call{
		name: "progress", method: http.MethodGet,
		path:    []string{"mgmt", "service_instances", instanceID, "progress"},
		query:   url.Values{"operation": {operation}, "offset": {strconv.FormatInt(offset, 10)}},
		success: []int{http.StatusOK},
	}, &answer)
	return answer, err
}

// VMs asks for the addresses of the instance's machines. An instance without a
// deployment gives an error of kind NotFound.
func (c *Client) VMs(ctx context.Context, instanceID string) (VMs, error) {
	var answer VMs
	_, err := c.exchange(ctx, call{
		name: "vms", method: http.MethodGet,
		path:    []string{"mgmt", "service_instances", instanceID, "vms"},
		success: []int{http.StatusOK},
	}, &answer)
	return answer, err
}

// Machines asks how the instance's machines are, which takes the broker up to 20
// seconds. An instance without a deployment gives an error of kind Gone, a broker
// without this addition one of kind NotFound.
func (c *Client) Machines(ctx context.Context, instanceID string) (Machines, error) {
	var answer Machines
	_, err := c.exchange(ctx, call{
		name: "machines", method: http.MethodGet,
		path:    []string{"mgmt", "service_instances", instanceID, "machines"},
		success: []int{http.StatusOK},
	}, &answer)
	return answer, err
}

// Cancel ends what the broker does for the instance, waits for that, and says
// where it led. An instance for which nothing runs gives an error of kind
// Conflict, a broker without this addition one of kind NotFound.
func (c *Client) Cancel(ctx context.Context, instanceID, requestID string) (Cancelled, error) {
	var answer Cancelled
	_, err := c.exchange(ctx, call{
		name: "cancel", method: http.MethodPost,
		path:      []string{"mgmt", "service_instances", instanceID, "cancel"},
		success:   []int{http.StatusOK},
		requestID: requestID,
	}, &answer)
	return answer, err
}

// Preview asks what making a new instance, or an update of one to its spec or its
// upgrade, would do, without doing it. An instance that is not new and has no deployment gives an
// error of kind Gone, a broker without this addition one of kind NotFound.
func (c *Client) Preview(ctx context.Context, in Instance) (Preview, error) {
	parameters, rawContext, err := in.documents()
	if err != nil {
		return Preview{}, fmt.Errorf("broker: preview: %w", err)
	}
	previous := domain.PreviousValues{ServiceID: c.serviceID, OrgID: place, SpaceID: place}
	if !in.New {
		previous.PlanID = in.PlanID // by this the broker tells one that is lost from one that is new
	}
	var query url.Values
	if in.Upgrade {
		query = url.Values{"operation_type": {"upgrade"}}
	}
	var answer Preview
	_, err = c.exchange(ctx, call{
		name: "preview", method: http.MethodPost,
		path: []string{"mgmt", "service_instances", in.ID, "preview"}, query: query,
		body: domain.UpdateDetails{
			ServiceID: c.serviceID, PlanID: in.PlanID,
			RawContext: rawContext, RawParameters: parameters, PreviousValues: previous,
		},
		success:   []int{http.StatusOK},
		requestID: in.RequestID,
	}, &answer)
	return answer, err
}
