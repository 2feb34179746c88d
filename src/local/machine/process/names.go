package process

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/pks-community/pks-release/src/local/machine"
)

// apiPort is where masters serve (reference/cluster-manifest.md §5.2, secure-port).
const apiPort = 8443

// externalNames are the names and addresses that a master's certificate is for and that belong to the
// world outside of its cluster: there users look for the Kubernetes API.
func externalNames(spec machine.Spec) []string {
	job, ok := spec.Job(machine.KubernetesAPIJob)
	if !ok {
		return nil
	}
	tls, _ := job.Properties["tls"].(map[string]any)
	kubernetes, _ := tls["kubernetes"].(map[string]any)
	text, _ := kubernetes["certificate"].(string)
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil { // the API server says it better
		return nil
	}
	var names []string
	for _, name := range certificate.DNSNames {
		if name == "localhost" || name == "kubernetes" || strings.HasPrefix(name, "kubernetes.") || strings.HasSuffix(name, ".internal") {
			continue
		}
		names = append(names, name)
	}
	for _, ip := range certificate.IPAddresses {
		if ip.IsLoopback() {
			names = append(names, ip.String())
		}
	}
	return names
}

// resolvePatience bounds the question where an external name points to.
const resolvePatience = 2 * time.Second

// loopbackOf returns where on this host a name already points to, if it does.
func loopbackOf(ctx context.Context, name string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(name); err == nil {
		return a, a.IsLoopback()
	}
	ctx, cancel := context.WithTimeout(ctx, resolvePatience)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
	if err != nil || len(found) == 0 {
		return netip.Addr{}, false
	}
	a := found[0].Unmap()
	return a, a.IsLoopback()
}

// writeHosts stores names in the form of hosts(5), for programs that read PKS_HOSTS_FILE and for people
// who copy the lines into /etc/hosts.
func writeHosts(path string, names map[string]netip.Addr) error {
	var b bytes.Buffer
	b.WriteString("# Where the Kubernetes APIs of this stack's clusters answer. Written by pks-local.\n")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(&b, "%s\t%s\n", names[name], name)
	}
	if err := renameio.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("store the clusters' names: %w", err)
	}
	return nil
}
