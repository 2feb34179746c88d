package pks

import (
	"encoding/json"
	"net/netip"
	"strings"
)

// networkMembers is reference/pks-product.md §7.1, and the two ranges that a
// cluster with flannel may have of its own.
func networkMembers() map[string]form {
	ids := distinct(textThat(nonEmpty, "Give the id as NSX Manager shows it."), "Name each id once.")
	addresses := distinct(textThat(notAnAddress, "Give IP addresses."), "Name each address once.")
	addresses.most = 3
	return map[string]form{
		"lb_size":                 oneOf("small", "medium", "large"),
		"pod_ip_block_ids":        ids,
		"pod_subnet_prefix":       between(minSubnetPrefix, maxSubnetPrefix),
		"pod_routable":            flag(),
		"fip_pool_ids":            ids,
		"t0_router_id":            textThat(nonEmpty, "Give the id as NSX Manager shows it."),
		"master_vms_nsgroup_id":   textThat(nonEmpty, "Give the id as NSX Manager shows it."),
		"node_ip_block_ids":       ids,
		"node_routable":           flag(),
		"node_subnet_prefix":      between(minSubnetPrefix, maxSubnetPrefix),
		"nodes_dns":               addresses,
		"dns_lookup_mode":         oneOf("API", "API_INGRESS"),
		"ingress_prefix":          textThat(notALabel, "Give one DNS label, such as ingress."),
		"single_tier_topology":    flag(),
		"infrastructure_networks": distinct(textThat(notANetwork, "Give IP addresses or ranges, such as 30.0.0.0/24."), "Name each network once."),
		"failover_mode":           oneOf("PREEMPTIVE", "NON_PREEMPTIVE"),
		"cni_configurations":      object(map[string]form{"type": oneOf("nsxt"), "parameters": object(cniMembers())}, "type"),
		"pod_cidr":                textThat(notARange, "Write it like 10.200.0.0/16."),
		"service_cidr":            textThat(notAServiceRange, "Write it like 10.100.200.0/24."),
	}
}

const (
	minSubnetPrefix = 8
	maxSubnetPrefix = 30
)

func validateNetworkProfile(raw json.RawMessage) error {
	value, err := parseDocument(raw)
	if err != nil {
		return err
	}
	if err := object(networkMembers()).check("parameters", value); err != nil {
		return err
	}
	given, _ := value.(map[string]any)
	if len(given) == 0 {
		return Failf(CodeInvalidRequest, "parameters is empty.").WithRemedy("Say what is to differ from the plan's network.")
	}
	if given["pod_cidr"] != nil {
		for _, name := range nsxOnly() {
			if given[name] != nil {
				return Failf(CodeInvalidRequest, "parameters.pod_cidr and parameters.%s contradict each other: with NSX-T, pods get their addresses from IP blocks.", name).
					WithRemedy("Leave one of them out.")
			}
		}
	}
	if overlap(given["pod_cidr"], given["service_cidr"]) {
		return Failf(CodeInvalidRequest, "parameters.pod_cidr and parameters.service_cidr overlap.").WithRemedy("Give ranges that have no address in common.")
	}
	if given["dns_lookup_mode"] == "API_INGRESS" && given["ingress_prefix"] == nil {
		return Failf(CodeInvalidRequest, "parameters.ingress_prefix is missing: dns_lookup_mode API_INGRESS looks up PREFIX.HOSTNAME.").
			WithRemedy("Add it, such as ingress.")
	}
	return nil
}

// nsxOnly are the members that mean nothing without NSX-T.
func nsxOnly() []string {
	return []string{
		"pod_ip_block_ids", "fip_pool_ids", "node_ip_block_ids", "infrastructure_networks",
		"cni_configurations", "t0_router_id", "lb_size", "master_vms_nsgroup_id",
	}
}

// CheckNetworkProfile refuses a network profile that the plan's network cannot
// give: settings of NSX-T without it, and a pod_cidr with it.
func (p Plan) CheckNetworkProfile(profile *Profile) error {
	if p.CNI == "" {
		return nil
	}
	given, err := readDocument[map[string]json.RawMessage](profile)
	if err != nil {
		return err
	}
	dropNulls(given)
	if p.CNI == CNINSXT {
		if _, own := given["pod_cidr"]; own {
			return Failf(CodeInvalidRequest, "network_profile_name: network profile %s has pod_cidr, but the network of plan %s is NSX-T, where pods get their addresses from IP blocks.", Shorten(profile.Name), p.Name).
				WithRemedy("Choose a profile with pod_ip_block_ids, or a plan with another network.")
		}
		return nil
	}
	for _, name := range nsxOnly() {
		if _, has := given[name]; has {
			return Failf(CodeInvalidRequest, "network_profile_name: network profile %s has %s, which is a setting of NSX-T, but the network of plan %s is %s.", Shorten(profile.Name), name, p.Name, p.CNI).
				WithRemedy("Choose a plan with NSX-T, or a profile with pod_cidr and service_cidr alone.")
		}
	}
	return nil
}

func overlap(a, b any) bool {
	first, firstOK := a.(string)
	second, secondOK := b.(string)
	return firstOK && secondOK && netip.MustParsePrefix(first).Overlaps(netip.MustParsePrefix(second)) // both were checked
}

func nonEmpty(text string) string {
	if strings.TrimSpace(text) == "" {
		return "is empty"
	}
	return ""
}

func notAnAddress(text string) string {
	if addr, err := netip.ParseAddr(text); err != nil || addr.Zone() != "" {
		return "is not an IP address"
	}
	return ""
}

func notALabel(text string) string {
	if len(text) > 63 || !labelForm.MatchString(text) {
		return "is not a DNS label"
	}
	return ""
}

func notANetwork(text string) string {
	if _, err := netip.ParsePrefix(text); err == nil {
		return ""
	}
	return notAnAddress(text)
}

func notARange(text string) string {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil || !prefix.Addr().Is4():
		return "is not an IPv4 range"
	case prefix != prefix.Masked():
		return "does not begin at the range's first address, " + prefix.Masked().String()
	}
	return ""
}

// notAServiceRange wants room for the addresses that the cluster itself needs.
func notAServiceRange(text string) string {
	if fault := notARange(text); fault != "" {
		return fault
	}
	if netip.MustParsePrefix(text).Bits() > 28 {
		return "has fewer than 16 addresses"
	}
	return ""
}

// cniMembers is reference/pks-product.md §7.2.
func cniMembers() map[string]form {
	scalars := mapOf(form{kind: formAny})
	return map[string]form{
		"nsx_lb":                 flag(),
		"nsx_ingress_controller": flag(),
		"x_forwarded_for":        oneOf("none", "insert", "replace"),
		"ingress_ip":             textThat(notAnAddress, "Give an address of a floating IP pool."),
		"ingress_persistence_settings": object(map[string]form{
			"persistence_type":    oneOf("none", "cookie", "source_ip"),
			"persistence_timeout": whole(1),
		}, "persistence_type", "persistence_timeout"),
		"log_settings": object(map[string]form{
			"log_level":            oneOf("INFO", "WARNING", "DEBUG", "ERROR", "CRITICAL"),
			"log_firewall_traffic": oneOf("ALL", "ALLOW", "DENY"),
			"log_dropped_traffic":  flag(),
		}),
		"max_l4_lb_service":                  whole(1),
		"l4_persistence_type":                oneOf("source_ip"),
		"l4_lb_algorithm":                    oneOf("round_robin", "least_connection", "ip_hash", "weighted_round_robin"),
		"top_firewall_section_marker":        text(),
		"bottom_firewall_section_marker":     text(),
		"lb_http_request_header_size":        whole(1),
		"lb_http_response_header_size":       whole(1),
		"lb_http_response_timeout":           whole(1),
		"connect_retry_timeout":              whole(1),
		"enable_hostport":                    flag(),
		"enable_nodelocaldns":                flag(),
		"client_ssl_profile":                 text(),
		"lb_connection_multiplexing_enabled": flag(),
		"lb_connection_multiplexing_number":  whole(1),
		"extensions": object(map[string]form{
			"ncp":            object(map[string]form{"nsx_v3": scalars, "coe": scalars, "ha": scalars, "k8s": scalars}),
			"nsx-node-agent": scalars,
		}),
	}
}
