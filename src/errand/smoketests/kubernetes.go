package smoketests

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

const (
	kubernetesTimeout = 30 * time.Second
	maxKubernetes     = 16 << 20
)

// Kubernetes is a Probe of real clusters. The host name of the cluster's API is in
// its certificate and need not resolve: the masters' addresses stand in for it.
func Kubernetes(ctx context.Context, kubeconfig v1.Kubeconfig, masters []string, nodes int) error {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return fmt.Errorf("read the credentials: %w", err)
	}
	config.Dial = dialer(masters)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return fmt.Errorf("use the credentials: %w", err)
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, kubernetesTimeout)
	defer cancel()
	if _, err := get(ctx, client, config.Host+"/readyz"); err != nil {
		return err
	}
	raw, err := get(ctx, client, config.Host+"/api/v1/nodes")
	if err != nil {
		return err
	}
	return enough(raw, nodes)
}

// dialer tries the address itself, then those of the masters.
func dialer(masters []string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		dial := net.Dialer{Timeout: kubernetesTimeout / 3}
		conn, first := dial.DialContext(ctx, network, address)
		if first == nil {
			return conn, nil
		}
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, first
		}
		for _, master := range masters {
			if conn, err = dial.DialContext(ctx, network, net.JoinHostPort(master, port)); err == nil {
				return conn, nil
			}
		}
		return nil, first
	}
}

func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxKubernetes))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", address, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", address, response.Status)
	}
	return raw, nil
}

// enough counts the nodes that are ready in a list of Kubernetes.
func enough(raw []byte, wanted int) error {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("read the list of nodes: %w", err)
	}
	ready := 0
	var others []string
	for _, node := range list.Items {
		good := false
		for _, c := range node.Status.Conditions {
			good = good || c.Type == "Ready" && c.Status == "True"
		}
		if good {
			ready++
		} else {
			others = append(others, node.Metadata.Name)
		}
	}
	if ready == wanted && len(others) == 0 {
		return nil
	}
	text := fmt.Sprintf("%d nodes are ready, %d are wanted", ready, wanted)
	if len(others) > 0 {
		text += "; not ready: " + strings.Join(others, ", ")
	}
	return fmt.Errorf("%s", text)
}
