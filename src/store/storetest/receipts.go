package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func receiptIsForOneRequest(t *testing.T, s store.Store) {
	want := store.Receipt{ID: "r1", Fingerprint: "f'1", Status: 202, Body: "{\"a\":\"$1 ? 東京\"}", CreatedAt: noon}
	if _, found, err := s.Receipt(t.Context(), "r1"); found || err != nil {
		t.Fatalf("found %t, %v", found, err)
	}
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.InsertReceipt(ctx, want) })
	got, found, err := s.Receipt(t.Context(), "r1")
	if diff := cmp.Diff(want, got); diff != "" || !found || err != nil {
		t.Errorf("found %t, %v: %s", found, err, diff)
	}
	c := newCluster("demo")
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		if err := tx.InsertCluster(ctx, c); err != nil {
			return err
		}
		return tx.InsertReceipt(ctx, store.Receipt{ID: "r1", CreatedAt: noon})
	})
	if !errors.Is(err, store.ErrReceiptExists) {
		t.Errorf("second use of a key: %v", err)
	}
	_, err = s.Cluster(t.Context(), "demo")
	wantCode(t, err, pks.CodeClusterNotFound)
}

func receiptsArePruned(t *testing.T, s store.Store) {
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		return errors.Join(
			tx.InsertReceipt(ctx, store.Receipt{ID: "old", CreatedAt: noon.Add(-time.Hour)}),
			tx.InsertReceipt(ctx, store.Receipt{ID: "new", CreatedAt: noon}))
	})
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.PruneReceipts(ctx, noon) })
	for id, want := range map[string]bool{"old": false, "new": true} {
		if _, found, err := s.Receipt(t.Context(), id); found != want || err != nil {
			t.Errorf("%s found %t, want %t: %v", id, found, want, err)
		}
	}
}

func tookIsOfThePlan(t *testing.T, s store.Store) {
	run := func(name, plan string, action pks.Action, state pks.OperationState, asked bool, settled int) {
		c := newCluster(name)
		c.PlanID = plan
		insertCluster(t, s, c)
		op := newOperation(c)
		op.Action = action
		if !asked {
			op.AskedAt = time.Time{}
		}
		insertOperation(t, s, op)
		op.State, op.SettledAt = state, noon.Add(time.Duration(settled)*time.Minute)
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.UpdateOperation(ctx, op) })
	}
	run("a", "p1", pks.ActionCreate, pks.OperationSucceeded, true, 1)
	run("b", "p1", pks.ActionCreate, pks.OperationSucceeded, true, 2)
	run("c", "p2", pks.ActionCreate, pks.OperationSucceeded, true, 3)
	run("d", "p1", pks.ActionCreate, pks.OperationFailed, true, 4)
	run("e", "p1", pks.ActionUpdate, pks.OperationSucceeded, true, 5)
	run("f", "p1", pks.ActionCreate, pks.OperationSucceeded, false, 6)
	for _, test := range []struct {
		plan  string
		limit int
		want  []time.Duration
	}{
		{"p1", 10, []time.Duration{2 * time.Minute, time.Minute}},
		{"p1", 1, []time.Duration{2 * time.Minute}},
		{"", 10, []time.Duration{3 * time.Minute, 2 * time.Minute, time.Minute}},
		{"p3", 10, []time.Duration{}},
	} {
		got, err := s.Took(t.Context(), pks.ActionCreate, test.plan, test.limit)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("plan %q: %v %s", test.plan, err, diff)
		}
	}
}

func censusCounts(t *testing.T, s store.Store) {
	for name, state := range map[string]pks.ActionState{"a": pks.ActionFailed, "b": pks.ActionSucceeded, "c": pks.ActionSucceeded} {
		c := newCluster(name)
		c.LastActionState = state
		insertCluster(t, s, c)
	}
	got, err := s.Census(t.Context())
	want := []store.Count{{Action: pks.ActionCreate, State: pks.ActionFailed, Clusters: 1}, {Action: pks.ActionCreate, State: pks.ActionSucceeded, Clusters: 2}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}
