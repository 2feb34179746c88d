package osb

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
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
