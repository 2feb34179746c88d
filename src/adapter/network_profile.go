package adapter

import (
	"fmt"
	"net/netip"
	"slices"
)

// networkProfile is the "parameters" object of a network profile
// (reference/pks-product.md §7). Most of it is for the NSX proxy broker, which
// makes the network objects before the deployment; what remains shapes NCP.
type networkProfile struct {
	LoadBalancerSize       string   `json:"lb_size"`
	PodIPBlockIDs          []string `json:"pod_ip_block_ids"`
	PodSubnetPrefix        int      `json:"pod_subnet_prefix"`
	PodRoutable            *bool    `json:"pod_routable"`
	FloatingPoolIDs        []string `json:"fip_pool_ids"`
	Tier0RouterID          string   `json:"t0_router_id"`
	MasterNSGroupID        string   `json:"master_vms_nsgroup_id"`
	NodeIPBlockIDs         []string `json:"node_ip_block_ids"`
	NodeRoutable           *bool    `json:"node_routable"`
	NodeSubnetPrefix       int      `json:"node_subnet_prefix"`
	NodesDNS               []string `json:"nodes_dns"`
	DNSLookupMode          string   `json:"dns_lookup_mode"`
	IngressPrefix          string   `json:"ingress_prefix"`
	SingleTier             *bool    `json:"single_tier_topology"`
	InfrastructureNetworks []string `json:"infrastructure_networks"`
	FailoverMode           string   `json:"failover_mode"`
	CNI                    *cniPart `json:"cni_configurations"`

	// With flannel: the cluster's ranges instead of the plan's.
	PodCIDR     string `json:"pod_cidr"`
	ServiceCIDR string `json:"service_cidr"`
}

type cniPart struct {
	Type       string        `json:"type"`
	Parameters cniParameters `json:"parameters"`
}

// cniParameters is reference/pks-product.md §7.2.
type cniParameters struct {
	NSXLB             *bool  `json:"nsx_lb"`
	IngressController *bool  `json:"nsx_ingress_controller"`
	XForwardedFor     string `json:"x_forwarded_for"`
	IngressIP         string `json:"ingress_ip"`
	Persistence       *struct {
		Type    string `json:"persistence_type"`
		Timeout int    `json:"persistence_timeout"`
	} `json:"ingress_persistence_settings"`
	Log *struct {
		Level           string `json:"log_level"`
		FirewallTraffic string `json:"log_firewall_traffic"`
		DroppedTraffic  *bool  `json:"log_dropped_traffic"`
	} `json:"log_settings"`
	MaxL4Services       *int                      `json:"max_l4_lb_service"`
	L4Persistence       string                    `json:"l4_persistence_type"`
	L4Algorithm         string                    `json:"l4_lb_algorithm"`
	TopFirewallMarker   string                    `json:"top_firewall_section_marker"`
	BottomFirewall      string                    `json:"bottom_firewall_section_marker"`
	RequestHeaderSize   *int                      `json:"lb_http_request_header_size"`
	ResponseHeaderSize  *int                      `json:"lb_http_response_header_size"`
	ResponseTimeout     *int                      `json:"lb_http_response_timeout"`
	ConnectRetryTimeout *int                      `json:"connect_retry_timeout"`
	HostPort            *bool                     `json:"enable_hostport"`
	NodeLocalDNS        *bool                     `json:"enable_nodelocaldns"`
	ClientSSLProfile    string                    `json:"client_ssl_profile"`
	Multiplexing        *bool                     `json:"lb_connection_multiplexing_enabled"`
	MultiplexingNumber  *int                      `json:"lb_connection_multiplexing_number"`
	Extensions          map[string]map[string]any `json:"extensions"`
}

// readNetworkProfile checks the cluster's profile and settles its addressing.
func (c *cluster) readNetworkProfile() error {
	plan := c.plan.Network
	podField, serviceField := "plan.properties.network.pod_cidr", "plan.properties.network.service_cidr"
	if p := c.spec.NetworkProfile; p != nil && len(p.Parameters) > 0 {
		field := fmt.Sprintf("network_profile %q", p.Name)
		if err := decodeStrict(field, p.Parameters, &c.profile); err != nil {
			return err
		}
		if err := c.profile.check(field, or(plan.CNI, cniFlannel)); err != nil {
			return err
		}
		if c.profile.PodCIDR != "" {
			plan.PodCIDR, podField = c.profile.PodCIDR, field+": pod_cidr"
		}
		if c.profile.ServiceCIDR != "" {
			plan.ServiceCIDR, serviceField = c.profile.ServiceCIDR, field+": service_cidr"
			plan.DNSServiceIP = ""
		}
	}
	if own, ok := c.custom[jobAPIServer].Arguments["service-cluster-ip-range"]; ok {
		plan.ServiceCIDR, serviceField = own, "kubernetes_profile: service-cluster-ip-range"
		plan.DNSServiceIP = ""
	}
	var err error
	c.network, err = plan.resolve(podField, serviceField)
	return err
}

func (p networkProfile) check(field, cni string) error {
	nsxOnly := len(p.PodIPBlockIDs)+len(p.FloatingPoolIDs)+len(p.NodeIPBlockIDs)+len(p.InfrastructureNetworks) > 0 ||
		p.CNI != nil || p.Tier0RouterID != "" || p.LoadBalancerSize != "" || p.MasterNSGroupID != ""
	if nsxOnly && cni != cniNSXT {
		return refuse("%s has settings of NSX-T, but the plan's network is %s.", field, cni).WithRemedy("Choose a plan with NSX-T, or a profile with pod_cidr and service_cidr alone.")
	}
	if cni == cniNSXT && p.PodCIDR != "" {
		return refuse("%s: pod_cidr is set, but with NSX-T pods get their addresses from IP blocks.", field).WithRemedy("Use pod_ip_block_ids.")
	}
	for _, set := range []struct {
		name, value string
		allowed     []string
	}{
		{"lb_size", p.LoadBalancerSize, []string{"small", "medium", "large"}},
		{"dns_lookup_mode", p.DNSLookupMode, []string{"API", "API_INGRESS"}},
		{"failover_mode", p.FailoverMode, []string{"PREEMPTIVE", "NON_PREEMPTIVE"}},
	} {
		if set.value != "" && !slices.Contains(set.allowed, set.value) {
			return refuse("%s: %s is %q.", field, set.name, set.value).WithRemedy("Choose one of %s.", list(set.allowed))
		}
	}
	if len(p.NodesDNS) > 3 {
		return refuse("%s: nodes_dns has %d addresses.", field, len(p.NodesDNS)).WithRemedy("Give at most 3.")
	}
	for _, text := range p.NodesDNS {
		if _, err := netip.ParseAddr(text); err != nil {
			return refuse("%s: nodes_dns has %q, which is not an IP address.", field, text).WithRemedy("Give IP addresses.")
		}
	}
	if p.CNI != nil {
		if p.CNI.Type != "nsxt" {
			return refuse("%s: cni_configurations.type is %q.", field, p.CNI.Type).WithRemedy("Write nsxt.")
		}
		return p.CNI.Parameters.check(field + ": cni_configurations.parameters")
	}
	return nil
}

func (p cniParameters) check(field string) error {
	for _, set := range []struct {
		name, value string
		allowed     []string
	}{
		{"x_forwarded_for", p.XForwardedFor, []string{"none", "insert", "replace"}},
		{"l4_persistence_type", p.L4Persistence, []string{"source_ip"}},
		{"l4_lb_algorithm", p.L4Algorithm, []string{"round_robin", "least_connection", "ip_hash", "weighted_round_robin"}},
	} {
		if set.value != "" && !slices.Contains(set.allowed, set.value) {
			return refuse("%s.%s is %q.", field, set.name, set.value).WithRemedy("Choose one of %s.", list(set.allowed))
		}
	}
	if p.IngressIP != "" {
		if _, err := netip.ParseAddr(p.IngressIP); err != nil {
			return refuse("%s.ingress_ip %q is not an IP address.", field, p.IngressIP).WithRemedy("Give an address of a floating IP pool.")
		}
	}
	if s := p.Persistence; s != nil {
		if !slices.Contains([]string{"none", "cookie", "source_ip"}, s.Type) || s.Timeout < 1 {
			return refuse("%s.ingress_persistence_settings needs persistence_type and persistence_timeout.", field).
				WithRemedy("Choose none, cookie or source_ip, and a timeout of at least 1 second.")
		}
	}
	if s := p.Log; s != nil {
		if s.Level != "" && !slices.Contains([]string{"INFO", "WARNING", "DEBUG", "ERROR", "CRITICAL"}, s.Level) {
			return refuse("%s.log_settings.log_level is %q.", field, s.Level).WithRemedy("Choose INFO, WARNING, DEBUG, ERROR or CRITICAL.")
		}
		if s.FirewallTraffic != "" && !slices.Contains([]string{"ALL", "ALLOW", "DENY"}, s.FirewallTraffic) {
			return refuse("%s.log_settings.log_firewall_traffic is %q.", field, s.FirewallTraffic).WithRemedy("Choose ALL, ALLOW or DENY.")
		}
	}
	if p.MaxL4Services != nil && *p.MaxL4Services < 1 {
		return refuse("%s.max_l4_lb_service is %d.", field, *p.MaxL4Services).WithRemedy("Give a number of at least 1.")
	}
	for name := range p.Extensions {
		if name != "ncp" && name != "nsx-node-agent" {
			return refuse("%s.extensions has %q.", field, name).WithRemedy("The extensions are ncp and nsx-node-agent.")
		}
	}
	return nil
}
