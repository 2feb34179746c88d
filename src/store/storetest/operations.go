package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func operationReadsBackWhole(t *testing.T, s store.Store) {
	want := insertOperation(t, s, newOperation(insertCluster(t, s, newCluster("demo"))))
	got, err := s.Operation(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, compare...); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want.State, want.SettledAt, want.Previous = pks.OperationFailed, noon.Add(time.Hour), nil
	want.Failure = pks.Failf(pks.CodeDeployFailed, "it broke").WithRemedy("mend it").WithOperation(want.ID)
	want.Failure.BOSHTask = 7
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.UpdateOperation(ctx, want) })
	got, err = s.Operation(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, compare...); diff != "" {
		t.Errorf("after update (-want +got):\n%s", diff)
	}
}

func unknownOperation(t *testing.T, s store.Store) {
	if _, err := s.Operation(t.Context(), "none"); !errors.Is(err, store.ErrNoOperation) {
		t.Errorf("read: %v", err)
	}
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.LockOperation(ctx, "none")
		return err
	})
	if !errors.Is(err, store.ErrNoOperation) {
		t.Errorf("lock: %v", err)
	}
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		return tx.UpdateOperation(ctx, newOperation(newCluster("demo")))
	})
	if !errors.Is(err, store.ErrNoOperation) {
		t.Errorf("update: %v", err)
	}
}

func secondOperationNamesTheFirst(t *testing.T, s store.Store) {
	c := insertCluster(t, s, newCluster("demo"))
	for _, state := range []pks.OperationState{pks.OperationAccepted, pks.OperationSubmitted, pks.OperationRunning} {
		first := newOperation(c)
		first.State = state
		insertOperation(t, s, first)
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.InsertOperation(ctx, newOperation(c)) })
		if f := wantCode(t, err, pks.CodeOperationInProgress); f.OperationID != first.ID {
			t.Errorf("names operation %q, want %q", f.OperationID, first.ID)
		}
		settle(t, s, first)
	}
	other := insertCluster(t, s, newCluster("other"))
	insertOperation(t, s, newOperation(c))
	insertOperation(t, s, newOperation(other)) // another cluster's is no matter
}

func settledOperationIsNeverChanged(t *testing.T, s store.Store) {
	op := insertOperation(t, s, newOperation(insertCluster(t, s, newCluster("demo"))))
	want := settle(t, s, op)
	op.Description = "again"
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.UpdateOperation(ctx, op) })
	if !errors.Is(err, store.ErrSettled) {
		t.Errorf("error %v, want %v", err, store.ErrSettled)
	}
	got, err := s.Operation(t.Context(), op.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, compare...); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func operationsListed(t *testing.T, s store.Store) {
	a, b := insertCluster(t, s, newCluster("a")), insertCluster(t, s, newCluster("b"))
	var ofA []pks.Operation
	for i := range 3 {
		op := newOperation(a)
		op.CreatedAt = noon.Add(time.Duration(i) * time.Minute)
		insertOperation(t, s, op)
		if i < 2 {
			op = settle(t, s, op)
		}
		ofA = append([]pks.Operation{op}, ofA...)
	}
	ofB := insertOperation(t, s, newOperation(b))
	for name, tc := range map[string]struct {
		list func() ([]pks.Operation, error)
		want []pks.Operation
	}{
		"all of a":    {func() ([]pks.Operation, error) { return s.Operations(t.Context(), a.ID, 0) }, ofA},
		"newest of a": {func() ([]pks.Operation, error) { return s.Operations(t.Context(), a.ID, 1) }, ofA[:1]},
		"unsettled":   {func() ([]pks.Operation, error) { return s.UnsettledOperations(t.Context()) }, []pks.Operation{ofB, ofA[0]}},
	} {
		got, err := tc.list()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, got, compare...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func eventsNumbered(t *testing.T, s store.Store) {
	a, b := insertCluster(t, s, newCluster("a")), insertCluster(t, s, newCluster("b"))
	opA, opB := insertOperation(t, s, newOperation(a)), insertOperation(t, s, newOperation(b))
	event := func(op pks.Operation, n int64) pks.Event {
		return pks.Event{
			Seq: n, OperationID: op.ID, Time: noon.Add(time.Duration(n) * time.Second), BOSHTask: 4, Stage: "Updating instance",
			Subject: "worker/1 (0)", State: "finished", Percent: int(n), Message: fmt.Sprint("line ", n),
		}
	}
	appendEvents := func(c pks.Cluster, events ...pks.Event) {
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.AppendEvents(ctx, c.ID, events) })
	}
	appendEvents(a, event(opA, 1), event(opA, 2))
	appendEvents(b, event(opB, 1))
	appendEvents(a)
	appendEvents(a, event(opA, 3))
	for name, tc := range map[string]struct {
		cluster pks.Cluster
		after   int64
		limit   int
		want    []pks.Event
	}{
		"all":         {a, 0, 0, []pks.Event{event(opA, 1), event(opA, 2), event(opA, 3)}},
		"after one":   {a, 1, 0, []pks.Event{event(opA, 2), event(opA, 3)}},
		"a page":      {a, 1, 1, []pks.Event{event(opA, 2)}},
		"nothing new": {a, 3, 0, []pks.Event{}},
		"the other's": {b, 0, 0, []pks.Event{event(opB, 1)}},
	} {
		got, err := s.Events(t.Context(), tc.cluster.ID, tc.after, tc.limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func deletedClusterLeavesHistory(t *testing.T, s store.Store) {
	c := insertCluster(t, s, newCluster("demo"))
	op := insertOperation(t, s, newOperation(c))
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		return tx.AppendEvents(ctx, c.ID, []pks.Event{{OperationID: op.ID, Time: noon, Message: "line"}})
	})
	op = settle(t, s, op)
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.DeleteCluster(ctx, c.ID, noon) })
	_, err := s.Cluster(t.Context(), "demo")
	wantCode(t, err, pks.CodeClusterNotFound)
	got, err := s.Operation(t.Context(), op.ID)
	if err != nil {
		t.Fatal(err)
	}
	op.Spec, op.Previous = pks.ClusterSpec{}, nil // they may hold secrets
	if diff := cmp.Diff(op, got, compare...); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if events, err := s.Events(t.Context(), c.ID, 0, 0); err != nil || len(events) != 1 {
		t.Errorf("events %v, %v; want one", events, err)
	}
	insertCluster(t, s, newCluster("demo")) // name and host are free
}

func pruneRemovesOldHistoryAlone(t *testing.T, s store.Store) {
	old, recent, alive := insertCluster(t, s, newCluster("old")), insertCluster(t, s, newCluster("recent")), insertCluster(t, s, newCluster("alive"))
	kept := map[string]bool{}
	for _, c := range []pks.Cluster{old, recent, alive} {
		op := settle(t, s, insertOperation(t, s, newOperation(c)))
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.AppendEvents(ctx, c.ID, []pks.Event{{OperationID: op.ID, Time: noon, Message: "line"}})
		})
		kept[op.ID] = c.ID != old.ID
	}
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		return errors.Join(tx.DeleteCluster(ctx, old.ID, noon), tx.DeleteCluster(ctx, recent.ID, noon.Add(time.Hour)))
	})
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Prune(ctx, noon.Add(time.Minute))
		if n != 1 {
			t.Errorf("pruned %d operations, want 1", n)
		}
		return err
	})
	for id, want := range kept {
		if _, err := s.Operation(t.Context(), id); (err == nil) != want {
			t.Errorf("operation kept: %v, want %v", err == nil, want)
		}
	}
	if events, err := s.Events(t.Context(), old.ID, 0, 0); err != nil || len(events) != 0 {
		t.Errorf("events of the old cluster: %v, %v; want none", events, err)
	}
}
