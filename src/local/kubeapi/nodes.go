package kubeapi

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pks-community/pks-release/src/local/machine"
)

// labelBOSH is how a node is found again after its machine was replaced
// (reference/cluster-manifest.md §9.3).
const labelBOSH = "bosh.id"

// addNode registers the machine of a kubelet as a node.
func (c *cluster) addNode(spec machine.Spec) error {
	return c.change(func(t *transaction) error {
		t.removeNode(spec.ID)
		t.putNode(spec)
		return nil
	})
}

func (c *cluster) removeNode(id string) error {
	return c.change(func(t *transaction) error {
		t.removeNode(id)
		return nil
	})
}

func (t *transaction) removeNode(id string) {
	for k, o := range maps.Clone(t.c.objects[nodes]) {
		if o.GetLabels()[labelBOSH] == id {
			t.remove(nodes, "", k.name)
		}
	}
}

// putNode makes a node whose name is its address, as kubelets of CFCR have it.
func (t *transaction) putNode(spec machine.Spec) {
	name := spec.IPs[0].String()
	labels := map[string]string{
		labelBOSH: spec.ID, "spec.ip": name,
		corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
	}
	if spec.AZ != "" {
		labels["bosh.zone"], labels[corev1.LabelTopologyZone] = spec.AZ, spec.AZ
	}
	job, _ := spec.Job(machine.KubeletJob)
	for label := range strings.SplitSeq(text(job.Properties, "k8s-args", "node-labels"), ",") {
		if name, value, ok := strings.Cut(label, "="); ok {
			labels[name] = value
		}
	}
	now := metav1.NewTime(t.c.now().Truncate(1e9))
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	t.create(nodes, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: name}, {Type: corev1.NodeHostName, Address: name}},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "simulated machine",
				LastHeartbeatTime: now, LastTransitionTime: now,
			}},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: "v" + t.c.version, OSImage: "simulated machine", KernelVersion: "simulated", OperatingSystem: "linux", Architecture: "amd64",
				ContainerRuntimeVersion: "simulated://0",
			},
		},
	})
}
