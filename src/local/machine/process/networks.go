package process

import (
	"fmt"
	"net/netip"

	"github.com/pks-community/pks-release/src/local/machine"
)

// clusterNetworks are the properties that hold networks of a cluster, by job.
func clusterNetworks() map[string][]string {
	return map[string][]string{
		"flanneld":               {"pod-network-cidr"},
		machine.KubernetesAPIJob: {"k8s-args", "service-cluster-ip-range"},
	}
}

// separate refuses a cluster whose pods or services have addresses of its machines.
func separate(spec machine.Spec) error {
	for name, path := range clusterNetworks() {
		job, ok := spec.Job(name)
		if !ok {
			continue
		}
		var value any = job.Properties
		for _, key := range path {
			m, _ := value.(map[string]any)
			value = m[key]
		}
		text, _ := value.(string)
		network, err := netip.ParsePrefix(text)
		if err == nil && network.Overlaps(insidePrefix) {
			return fmt.Errorf("job %s: %s is %s, which overlaps with the machines' own network %s: choose another one in the plan or the network profile", name, path[len(path)-1], network, insidePrefix)
		}
	}
	return nil
}
