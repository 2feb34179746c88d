package deleteall

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/apiclient"
)

const (
	brokerTimeout = time.Minute
	maxAnswer     = 16 << 20
)

// brokerClient asks the broker's management API
// (reference/on-demand-broker.md §2).
type brokerClient struct {
	Broker
	http *http.Client
}

func newBrokerClient(b Broker) (*brokerClient, error) {
	transport, err := apiclient.TLS{CA: []byte(b.CA)}.Transport()
	if err != nil {
		return nil, fmt.Errorf("broker.ca: %w", err)
	}
	return &brokerClient{b, &http.Client{
		Transport: transport, Timeout: brokerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (c *brokerClient) close() { c.http.CloseIdleConnections() }

// orphans lists deployments that the broker has made for no cluster that there is.
func (c *brokerClient) orphans(ctx context.Context) ([]string, error) {
	address := strings.TrimRight(c.URL, "/") + "/mgmt/orphan_deployments"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	request.SetBasicAuth(c.Username, c.Password.Reveal())
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &apiclient.UnreachableError{URL: c.URL, Trouble: apiclient.Diagnose(err), Err: err}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, &apiclient.UnreachableError{URL: c.URL, Trouble: apiclient.Diagnose(err), Err: err}
	}
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("the broker refused the login; see the properties broker.username and broker.password")
	case response.StatusCode != http.StatusOK:
		return nil, &apiclient.Error{Status: response.StatusCode, Body: fmt.Sprintf("the broker answered %s; its log has more", response.Status)}
	}
	var found []struct {
		Name string `json:"deployment_name"`
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return nil, &apiclient.NotAPIError{URL: address, Reason: "its answer is not the JSON that was expected", Err: err}
	}
	names := make([]string, 0, len(found))
	for _, f := range found {
		names = append(names, f.Name)
	}
	return names, nil
}
