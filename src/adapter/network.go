package adapter

import (
	"fmt"
	"net/netip"
	"strings"
)

// The ways pods get their addresses (reference/cluster-manifest.md §14).
const (
	cniFlannel = "flannel"
	cniNSXT    = "nsx-t"
	cniNone    = "none" // brought by the plan's add-ons
)

const (
	defaultPodCIDR     = "10.200.0.0/16"
	defaultServiceCIDR = "10.100.200.0/24"
	clusterDomain      = "cluster.local"
)

// planNetwork is the plan's "network" object.
type planNetwork struct {
	CNI            string   `json:"cni"`             // flannel (default), nsx-t, none
	FlannelBackend string   `json:"flannel_backend"` // vxlan (default), host-gw
	PodCIDR        string   `json:"pod_cidr"`
	ServiceCIDR    string   `json:"service_cidr"`
	DNSServiceIP   string   `json:"dns_service_ip"` // default: the tenth address of the service range
	NodeCIDRs      []string `json:"node_cidrs"`     // of the machines; kept off the proxy
	NSXT           nsxt     `json:"nsx_t"`
}

// network is a cluster's addressing, complete and free of contradictions.
type network struct {
	cni            string
	backend        string
	pods, services netip.Prefix
	apiService     netip.Addr // first address of services: the name "kubernetes"
	dns            netip.Addr
	nodes          []netip.Prefix
}

// resolve fills in defaults and checks that the ranges fit together. podField
// and serviceField name who asked for them.
func (n planNetwork) resolve(podField, serviceField string) (network, error) {
	out := network{cni: or(n.CNI, cniFlannel), backend: or(n.FlannelBackend, "vxlan")}
	switch out.cni {
	case cniFlannel, cniNSXT, cniNone:
	default:
		return network{}, refuse("plan.properties.network.cni is %q.", n.CNI).WithRemedy("Choose flannel, nsx-t or none.")
	}
	switch {
	case out.backend != "vxlan" && out.backend != "host-gw":
		return network{}, refuse("plan.properties.network.flannel_backend is %q.", n.FlannelBackend).WithRemedy("Choose vxlan or host-gw.")
	case n.FlannelBackend != "" && out.cni != cniFlannel:
		return network{}, refuse("plan.properties.network.flannel_backend is set although cni is %s.", out.cni).WithRemedy("Remove it, or choose the cni flannel.")
	}
	var err error
	if out.pods, err = cidr(podField, or(n.PodCIDR, defaultPodCIDR)); err != nil {
		return network{}, err
	}
	if out.services, err = cidr(serviceField, or(n.ServiceCIDR, defaultServiceCIDR)); err != nil {
		return network{}, err
	}
	for i, text := range n.NodeCIDRs {
		prefix, err := cidr(fmt.Sprintf("plan.properties.network.node_cidrs[%d]", i), text)
		if err != nil {
			return network{}, err
		}
		out.nodes = append(out.nodes, prefix)
	}
	if err := out.checkOverlap(podField, serviceField); err != nil {
		return network{}, err
	}
	if out.services.Bits() > 28 {
		return network{}, refuse("%s %s has fewer than 16 addresses.", serviceField, out.services).WithRemedy("Give a range of /28 or larger, such as %s.", defaultServiceCIDR)
	}
	out.apiService = nth(out.services, 1)
	out.dns = nth(out.services, 10)
	if n.DNSServiceIP != "" {
		out.dns, err = netip.ParseAddr(n.DNSServiceIP)
		if err != nil || !out.services.Contains(out.dns) || out.dns == out.apiService || out.dns == out.services.Addr() {
			return network{}, refuse("plan.properties.network.dns_service_ip %q is not a free address of the service range %s.", n.DNSServiceIP, out.services).
				WithRemedy("Leave it out, or choose an address of the range other than %s.", out.apiService)
		}
	}
	return out, nil
}

func (n network) checkOverlap(podField, serviceField string) error {
	const remedy = "Give ranges that have no address in common."
	if n.pods.Overlaps(n.services) {
		return refuse("%s %s overlaps %s %s.", podField, n.pods, serviceField, n.services).WithRemedy(remedy)
	}
	for _, nodes := range n.nodes {
		if n.pods.Overlaps(nodes) {
			return refuse("%s %s overlaps the machines' range %s.", podField, n.pods, nodes).WithRemedy(remedy)
		}
		if n.services.Overlaps(nodes) {
			return refuse("%s %s overlaps the machines' range %s.", serviceField, n.services, nodes).WithRemedy(remedy)
		}
	}
	return nil
}

// cidr reads an IPv4 range in the form of its first address.
func cidr(field, text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
	if err != nil || !prefix.Addr().Is4() {
		return netip.Prefix{}, refuse("%s %q is not an IPv4 range.", field, text).WithRemedy("Write it like %s.", defaultPodCIDR)
	}
	if prefix != prefix.Masked() {
		return netip.Prefix{}, refuse("%s %q does not begin at the range's first address.", field, text).WithRemedy("Write %s.", prefix.Masked())
	}
	return prefix, nil
}

// nth is the address n places after the first of the range.
func nth(p netip.Prefix, n int) netip.Addr {
	a := p.Addr()
	for range n {
		a = a.Next()
	}
	return a
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
