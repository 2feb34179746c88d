package process

import (
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/machine"
)

func TestNetworksOfAClusterAreNotThoseOfItsMachines(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{
		"10.200.0.0/16": false, "172.30.4.0/24": true, "172.16.0.0/12": true, "": false, "not a network": false,
	} {
		for _, job := range []machine.Job{
			{Name: "flanneld", Properties: map[string]any{"pod-network-cidr": text}},
			{Name: "kube-apiserver", Properties: map[string]any{"k8s-args": map[string]any{"service-cluster-ip-range": text}}},
		} {
			err := separate(machine.Spec{Jobs: []machine.Job{job}})
			if (err != nil) != refused {
				t.Errorf("%s with %q: %v", job.Name, text, err)
			}
			if err != nil && !strings.Contains(err.Error(), job.Name) {
				t.Errorf("the job is not named: %v", err)
			}
		}
	}
	if err := separate(machine.Spec{}); err != nil {
		t.Error(err)
	}
}
