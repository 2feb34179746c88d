package cli

import (
	"encoding/json"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/cli/console"
)

// clusterDetails writes the blocks of reference/pks-cli.md §11.2.
func (f *factory) clusterDetails(p v1.ClusterParameters) {
	if p.NetworkDetails != nil {
		f.networkDetails(*p.NetworkDetails)
	}
	byCluster, byPlan := kubernetesSettings(p.ClusterDetails, true), kubernetesSettings(p.PlanDetails, true)
	overridden := map[string]bool{}
	for _, d := range byCluster {
		overridden[d.Key] = true
	}
	kept := byPlan[:0]
	for _, d := range byPlan {
		if !overridden[d.Key] {
			kept = append(kept, d)
		}
	}
	f.console.Printf("Kubernetes Settings Details:\n")
	// Both blocks are aligned as one.
	wide := console.DetailWidths(kubernetesSettings(&v1.KubernetesSettings{}, false))
	f.console.Printf("  Set by Cluster:\n")
	f.console.Details(wide, byCluster)
	f.console.Printf("  Set by Plan:\n")
	f.console.Details(wide, kept)
}

// networkDetails writes the network's settings; the values stay JSON.
func (f *factory) networkDetails(text string) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return // of another form; the cluster's block stands above
	}
	var details []console.Detail
	for _, d := range []console.Detail{
		{Label: "Load Balancer Size", Key: "lb_size"},
		{Label: "Nodes DNS Setting", Key: "nodes_dns"},
		{Label: "Node IP addresses are routable [no-nat]", Key: "node_routable"},
		{Label: "Nodes subnet prefix", Key: "node_subnet_prefix"},
		{Label: "POD IP addresses are routable [no-nat]", Key: "pod_routable"},
		{Label: "PODs subnet prefix", Key: "pod_subnet_prefix"},
		{Label: "NS Group ID of master VMs", Key: "master_vms_nsgroup_id"},
		{Label: "Tier 0 Router identifier", Key: "t0_router_id"},
		{Label: "Floating IP Pool identifiers", Key: "fip_pool_ids"},
		{Label: "Node IP block identifiers", Key: "node_ip_block_ids"},
		{Label: "POD IP block identifiers", Key: "pod_ip_block_ids"},
	} {
		if value, ok := values[d.Key]; ok {
			d.Value = string(value)
			details = append(details, d)
		}
	}
	f.console.Printf("\nNSXT Network Details:\n")
	f.console.Details(console.DetailWidths(details), details)
}

// kubernetesSettings are the drain settings that are set, or all of them.
func kubernetesSettings(s *v1.KubernetesSettings, set bool) []console.Detail {
	if s == nil {
		return nil
	}
	var details []console.Detail
	for _, d := range []struct {
		label, key string
		value      *string
	}{
		{"timeout (mins)", "timeout", s.DrainTimeout},
		{"grace-period (seconds)", "grace-period", s.DrainGracePeriod},
		{"force", "force", s.DrainForce},
		{"force-node", "force-node", s.DrainForceNode},
		{"ignore-daemonsets", "ignore-daemonsets", s.DrainIgnoreDaemonSets},
		{"delete-local-data", "delete-local-data", s.DrainDeleteLocalData},
	} {
		value := ""
		if d.value != nil {
			value = *d.value
		} else if set {
			continue
		}
		details = append(details, console.Detail{Label: "Kubelet Node Drain " + d.label, Key: "kubelet-drain-" + d.key, Value: value})
	}
	return details
}
