package stack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/pks-community/pks-release/src/local/kubeapi"
)

// Cluster is where users find a cluster's Kubernetes API.
type Cluster struct {
	// Name is the host name that the cluster was made with.
	Name string `json:"name"`
	// Address is the host and port of its load balancer.
	Address string `json:"address"`
}

// Hosts is a file in the form of hosts(5) with the names of all clusters on process
// machines. The Kubernetes programs that are built here read it when PKS_HOSTS_FILE
// says so.
func (l Layout) Hosts() string { return filepath.Join(l.Machines(), "hosts") }

// Clusters lists the clusters on process machines.
func Clusters(l Layout) ([]Cluster, error) {
	raw, err := os.ReadFile(l.Hosts())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the clusters' names: %w", err)
	}
	var clusters []Cluster
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) < 2 {
			continue
		}
		address, err := netip.ParseAddr(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not an address", l.Hosts(), fields[0])
		}
		for _, name := range fields[1:] {
			clusters = append(clusters, Cluster{Name: name, Address: netip.AddrPortFrom(address, kubeapi.Port).String()})
		}
	}
	return clusters, nil
}
