package api_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func TestMachinesOfACluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	want := []v1.Machine{
		{Group: "master", ID: "id-of-demo", AZ: "z1", IPs: []string{"10.0.0.2"}, State: "running", Desired: "started", Bootstrap: true,
			Disks: []v1.Disk{{Name: "system", Percent: 38}}, Processes: []v1.Process{{Name: "etcd", State: "running"}}},
		{Group: "worker", Index: 1, IPs: []string{}, State: "missing", Desired: "started", Ignored: true, Disks: []v1.Disk{}, Processes: []v1.Process{}},
	}
	for _, token := range []string{"admin", "cody", "reader"} {
		var got []v1.Machine
		w.send(request{method: "GET", path: "/v1/clusters/demo/machines", token: token}).decode(t, &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", token, diff)
		}
	}
	if got := w.send(request{method: "GET", path: "/v1/clusters/demo/machines", token: "naomi"}); got.status != 403 {
		t.Errorf("somebody else's: %d", got.status)
	}
	w.previewErr = pks.Failf(pks.CodeBrokerUnavailable, "The broker cannot tell at the moment how the machines are.")
	if got := w.send(request{method: "GET", path: "/v1/clusters/demo/machines", token: "admin"}); got.status != 503 {
		t.Errorf("broker away: %d %s", got.status, got.body)
	}
}
