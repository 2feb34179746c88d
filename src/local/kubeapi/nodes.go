package kubeapi

import (
	"errors"
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
	n := Node{ID: spec.ID, IP: spec.IPs[0], AZ: spec.AZ, Schedulable: true, Labels: map[string]string{}}
	job, _ := spec.Job(jobKubelet)
	for label := range strings.SplitSeq(text(job.Properties, "k8s-args", "node-labels"), ",") {
		if name, value, ok := strings.Cut(label, "="); ok {
			n.Labels[name] = value
		}
	}
	return c.change(func(t *transaction) error {
		t.removeNode(n.ID)
		t.putNode(n)
		return nil
	})
}

func (c *cluster) removeNode(id string) error {
	return c.change(func(t *transaction) error {
		t.removeNode(id)
		return nil
	})
}

func (c *cluster) setNodes(list []Node) error {
	return c.change(func(t *transaction) error {
		for k := range maps.Clone(t.c.objects[nodes]) {
			t.remove(nodes, "", k.name)
		}
		for _, n := range list {
			if !n.IP.IsValid() {
				return errors.New("a node has no address")
			}
			t.putNode(n)
		}
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

func (t *transaction) putNode(n Node) {
	name := n.Name
	if name == "" {
		name = n.IP.String()
	}
	labels := map[string]string{
		labelBOSH: n.ID, "spec.ip": n.IP.String(),
		corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
	}
	if n.AZ != "" {
		labels["bosh.zone"], labels[corev1.LabelTopologyZone] = n.AZ, n.AZ
	}
	maps.Copy(labels, n.Labels)
	now := metav1.NewTime(t.c.now().Truncate(1e9))
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	t.create(nodes, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.NodeSpec{Unschedulable: !n.Schedulable},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: n.IP.String()}, {Type: corev1.NodeHostName, Address: name}},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "simulated machine",
				LastHeartbeatTime: now, LastTransitionTime: now,
			}},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: "v" + t.c.version, OSImage: "simulated machine", OperatingSystem: "linux", Architecture: "amd64",
				ContainerRuntimeVersion: "simulated://0",
			},
		},
	})
}
