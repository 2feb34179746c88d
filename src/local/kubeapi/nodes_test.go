package kubeapi_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pks-community/pks-release/src/local/machine"
)

func TestSimulatedMachinesWithAKubeletAreNodesWhileTheyRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	driver := machine.NewSimulated(machine.Options{KubernetesAPI: f.Service})
	t.Cleanup(func() { _ = driver.Close() })
	ctx := t.Context()
	spec := machine.Spec{Deployment: deployment, Group: "worker", ID: "w0", IPs: []netip.Addr{netip.MustParseAddr("10.0.0.20")}, Jobs: []machine.Job{{Name: "kubelet"}}}
	other := machine.Spec{Deployment: deployment, Group: "errand", ID: "e0", IPs: spec.IPs, Jobs: []machine.Job{{Name: "apply-specs"}}}

	var counts []int
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		nodes := must[*corev1.NodeList](t)(f.client(adminToken).CoreV1().Nodes().List(ctx, metav1.ListOptions{}))
		counts = append(counts, len(nodes.Items))
	}
	cid := must[string](t)(driver.Create(ctx, spec))
	errand := must[string](t)(driver.Create(ctx, other))
	apply := func(cid string, spec machine.Spec) error {
		_, err := driver.Apply(ctx, cid, spec)
		return err
	}
	do(apply(errand, other))
	do(driver.Start(ctx, errand))
	do(apply(cid, spec))
	do(driver.Start(ctx, cid))
	do(driver.Stop(ctx, cid))
	do(driver.Start(ctx, cid))

	again := machine.NewSimulated(machine.Options{KubernetesAPI: f.Service}) // after a restart of the Director
	t.Cleanup(func() { _ = again.Close() })
	do(again.Recover(ctx, []machine.Placement{{
		CID: cid, Deployment: deployment, Group: "worker", ID: "w0", Jobs: []string{"kubelet"}, Started: true,
		Spec: func(context.Context) (machine.Spec, error) { return spec, nil },
	}}))
	do(again.Delete(ctx, cid))
	if diff := cmp.Diff([]int{0, 0, 0, 1, 0, 1, 1, 0}, counts); diff != "" {
		t.Errorf("nodes after each step (-want +got):\n%s", diff)
	}
}
