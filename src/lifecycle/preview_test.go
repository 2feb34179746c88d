package lifecycle

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func TestDryRunsStoreNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	calls := len(r.broker.called())
	tried, err := r.Update(t.Context(), UpdateRequest{ClusterID: c.ID, By: alice, DryRun: true, Change: resize(9)})
	if err != nil || tried.Spec.WorkerInstances != 9 {
		t.Errorf("%+v %v", tried, err)
	}
	req := createRequest("new")
	req.DryRun = true
	if tried, err = r.Create(t.Context(), req); err != nil || tried.Name != "new" {
		t.Errorf("%+v %v", tried, err)
	}
	req = createRequest("demo")
	req.DryRun = true
	if _, err := r.Create(t.Context(), req); pks.AsFailure(err).Code != pks.CodeNameTaken {
		t.Errorf("dry run of a create that would be refused: %v", err)
	}
	all, err := r.Clusters(t.Context(), store.ClusterFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*pks.Cluster{&c}, all, compareAddrs); diff != "" {
		t.Error(diff)
	}
	if ops, err := r.Operations(t.Context(), c.ID, 0); err != nil || len(ops) != 1 {
		t.Errorf("%d operations, %v", len(ops), err)
	}
	if got := len(r.broker.called()); got != calls {
		t.Errorf("the broker was called: %v", r.broker.called()[calls:])
	}
}

func TestPreviewTellsWhatTheBrokerTells(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	c.Spec.WorkerInstances = 5
	got, err := r.Preview(t.Context(), pks.ActionUpdate, c, "req")
	want := osb.Preview{
		Diff:   [][]any{{"  instances: 5", "added"}},
		Groups: []osb.GroupChange{{Name: "worker", Action: "scale", Before: 3, After: 5}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestPreviewFailuresAreOfTheCatalogue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind  osb.Kind
		isNew bool
		want  pks.Code
	}{
		{osb.NotFound, false, pks.CodePreviewUnavailable},
		{osb.NotFound, true, pks.CodePreviewUnavailable},
		{osb.Fault, true, pks.CodeBrokerRefused},
		{osb.Fault, false, pks.CodeBrokerRefused},
		{osb.Gone, false, pks.CodeDeploymentLost},
		{osb.Unavailable, false, pks.CodeBrokerUnavailable},
		{osb.Busy, false, pks.CodeOperationInProgress},
		{osb.Refused, false, pks.CodeBrokerRefused},
	} {
		r := newRig(t)
		c := r.ready(t, "demo")
		action := pks.ActionUpdate
		if test.isNew {
			action = pks.ActionCreate
		}
		broken := &osb.Error{Kind: test.kind, Call: "preview"}
		if test.kind == osb.Fault {
			broken.Description = "vm_type not found"
		}
		r.broker.script = failing("preview", broken)
		if _, err := r.Preview(t.Context(), action, c, "req"); pks.AsFailure(err).Code != test.want {
			t.Errorf("%s, new %t: %v, want %s", test.kind, test.isNew, err, test.want)
		}
	}
}
