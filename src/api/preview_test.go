package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func TestDryRunTellsAndStoresNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	before := w.snapshot()
	for _, r := range []request{
		{method: "PATCH", path: "/v1/clusters/demo?dry_run=true", body: `{"kubernetes_worker_instances":5}`},
		{method: "PATCH", path: "/v1/clusters/demo?dry_run=true", body: `{"deletion_lock":true}`},
		{method: "POST", path: "/v1/clusters?dry_run=1", body: `{"name":"new","plan_name":"small","parameters":{"kubernetes_master_host":"new.example.com"}}`, header: keyed("k")},
	} {
		r.token = "cody"
		if got := w.send(r); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", r.path, got.status, got.body)
		}
	}
	if diff := cmp.Diff(before, w.snapshot(), addresses); diff != "" || w.changes != 0 || len(w.receipts) != 0 {
		t.Errorf("%d changes: %s", w.changes, diff)
	}

	var told v1.Preview
	w.send(request{method: "PATCH", path: "/v1/clusters/demo?dry_run=true", token: "cody", body: `{"kubernetes_worker_instances":5}`}).decode(t, &told)
	told.Cluster = v1.Cluster{Parameters: v1.ClusterParameters{KubernetesWorkerInstances: told.Cluster.Parameters.KubernetesWorkerInstances}}
	want := v1.Preview{
		Cluster:      v1.Cluster{Parameters: v1.ClusterParameters{KubernetesWorkerInstances: 5}},
		Changes:      []v1.Change{{Path: "kubernetes_worker_instances", Before: 3.0, After: 5.0}},
		ManifestDiff: []v1.DiffLine{{Text: "instance_groups:"}, {Text: "- instances: 5", Change: "added"}},
		Instances:    []v1.InstanceGroup{{Name: "worker", Action: "scale", Before: 3, After: 5}},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

func TestDryRunOfANewClusterHasNoIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told v1.Preview
	w.send(request{method: "POST", path: "/v1/clusters?dry_run=true", token: "cody", body: createDemo}).decode(t, &told)
	if told.Cluster.UUID != "00000000-0000-0000-0000-000000000000" || len(w.previews) != 1 || w.previews[0].ID != "" {
		t.Errorf("%q %+v", told.Cluster.UUID, w.previews)
	}
}

func TestDryRunRefusesWhatTheRequestWouldBeRefusedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody).with("busy", cody, inProgress(pks.ActionUpdate))
	for _, test := range []struct {
		request
		status int
	}{
		{request{method: "POST", path: "/v1/clusters?dry_run=true", body: createDemo}, 409},
		{request{method: "POST", path: "/v1/clusters?dry_run=true", body: `{"name":"x y"}`}, 400},
		{request{method: "PATCH", path: "/v1/clusters/demo?dry_run=true", body: `{"kubernetes_worker_instances":99}`}, 400},
		{request{method: "PATCH", path: "/v1/clusters/busy?dry_run=true", body: `{"kubernetes_worker_instances":2}`}, 409},
		{request{method: "PATCH", path: "/v1/clusters/demo?dry_run=perhaps", body: `{"kubernetes_worker_instances":2}`}, 400},
		{request{method: "DELETE", path: "/v1/clusters/demo?dry_run=true"}, 400},
		{request{method: "POST", path: "/v1/clusters/busy/cancel?dry_run=true"}, 400},
	} {
		test.token = "cody"
		if got := w.send(test.request); got.status != test.status || w.changes != 0 {
			t.Errorf("%s %s: %d %s", test.method, test.path, got.status, got.body)
		}
	}
	w.previewErr = pks.Failf(pks.CodePreviewUnavailable, "The broker cannot tell what this request would do.")
	if got := w.send(request{method: "PATCH", path: "/v1/clusters/demo?dry_run=true", token: "cody", body: `{"kubernetes_worker_instances":2}`}); got.status != http.StatusNotImplemented {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestDryRunOfAnUpgradeStartsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("behind", cody, behind).with("ahead", cody).with("busy", cody, behind, inProgress(pks.ActionUpdate))
	var told []v1.Preview
	got := w.send(request{method: "PATCH", path: "/v1/clusters?dry_run=true", token: "cody", body: `{"clusters":["behind","ahead"]}`})
	got.decode(t, &told)
	if got.status != http.StatusOK || len(told) != 1 || told[0].Cluster.Name != "behind" || told[0].Cluster.KubernetesVersion != "1.34.2" || len(told[0].Changes) != 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := w.send(request{method: "PATCH", path: "/v1/clusters?dry_run=true", token: "cody", body: `{"clusters":["busy"]}`}); got.status != http.StatusConflict {
		t.Errorf("%d %s", got.status, got.body)
	}
	if w.turns() != "" {
		t.Errorf("started %q", w.turns())
	}
}
