package stack

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Part is one program of the stack and whether it answers.
type Part struct {
	Name    string `json:"name"`
	PID     int    `json:"pid"`
	URL     string `json:"url"`
	State   string `json:"state"`
	Healthy bool   `json:"healthy"`
}

const probeTimeout = 3 * time.Second

// Probe asks every part of a running stack whether it is there.
func Probe(ctx context.Context, l Layout, i Instance) []Part {
	parts := []Part{
		{Name: "UAA", PID: i.PID, URL: i.Ports.UAAURL()},
		{Name: "CredHub", PID: i.PID, URL: i.Ports.CredHubURL()},
		{Name: "BOSH Director", PID: i.PID, URL: i.Ports.DirectorURL()},
		{Name: "pks-broker", URL: i.Ports.BrokerURL()},
		{Name: "pks-api", URL: i.Ports.APIURL()},
	}
	paths := []string{"/info", "/info", "/info", "/v2/catalog", "/actuator/health"}
	client, err := httpClient(l)
	var group errgroup.Group
	for n := range parts {
		part := &parts[n]
		for _, child := range i.Children {
			if child.Name == part.Name {
				part.PID = child.PID
			}
		}
		if err != nil {
			part.State = err.Error()
			continue
		}
		group.Go(func() error {
			part.State, part.Healthy = answer(ctx, client, part.URL+paths[n])
			return nil
		})
	}
	_ = group.Wait() // the functions return nil
	return parts
}

func healthy(parts []Part) bool {
	return !slices.ContainsFunc(parts, func(p Part) bool { return !p.Healthy })
}

// answer tells how a part takes a request. One that asks for a password is there.
func answer(ctx context.Context, client *http.Client, url string) (state string, healthy bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error(), false
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return "does not answer", false
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusUnauthorized {
		return "running", true
	}
	return fmt.Sprintf("answers %s", resp.Status), false
}

// httpClient trusts the stack's CA and nothing else.
func httpClient(l Layout) (*http.Client, error) {
	pool, err := trust(l)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}}, nil
}
