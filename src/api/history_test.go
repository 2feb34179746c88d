package api_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func TestHistoryTellsEveryRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: createDemo})
	c := w.clusters["demo"]
	c.LastActionState = pks.ActionSucceeded
	w.clusters["demo"] = c
	w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: "admin", body: `{"kubernetes_worker_instances":5,"cluster_tags":[{"name":"a","value":"b"}]}`})
	var all, last []v1.Revision
	w.send(request{method: "GET", path: "/v1/clusters/demo/history", token: "cody"}).decode(t, &all)
	w.send(request{method: "GET", path: "/v1/clusters/demo/history?limit=1", token: "cody"}).decode(t, &last)
	type entry struct {
		Revision       int
		ID, Action, By string
		Changes        []v1.Change
	}
	entries := func(revisions []v1.Revision) (found []entry) {
		for _, r := range revisions {
			found = append(found, entry{r.Revision, r.ID, r.Action, r.RequestedBy.Name, r.Changes})
		}
		return found
	}
	want := []entry{
		{2, "operation-2", "UPDATE", "cody", []v1.Change{
			{Path: "cluster_tags", After: []any{map[string]any{"name": "a", "value": "b"}}},
			{Path: "kubernetes_worker_instances", Before: 3.0, After: 5.0},
		}},
		{1, "operation-1", "CREATE", "cody", []v1.Change{
			{Path: "cluster_name", After: "demo"},
			{Path: "kubernetes_master_host", After: "demo.example.com"},
			{Path: "kubernetes_master_port", After: 8443.0},
			{Path: "kubernetes_worker_instances", After: 3.0},
		}},
	}
	if diff := cmp.Diff(want, entries(all)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:1], entries(last)); diff != "" {
		t.Error(diff)
	}
}
