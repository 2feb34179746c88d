package lifecycle

import (
	"errors"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func (r rig) lock(t *testing.T, id string, on bool) pks.Cluster {
	t.Helper()
	c, err := r.Update(t.Context(), UpdateRequest{ClusterID: id, By: alice, DeletionLock: &on})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLockedClusterIsNotDeleted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	locked := r.lock(t, c.ID, true)
	if !locked.DeletionLock || locked.Revision != c.Revision+1 || locked.LastAction != pks.ActionCreate || locked.Busy() {
		t.Errorf("%+v", locked)
	}
	if again := r.lock(t, c.ID, true); again.Revision != locked.Revision {
		t.Errorf("locking twice made revision %d of %d", again.Revision, locked.Revision)
	}
	if _, err := r.Delete(t.Context(), DeleteRequest{ClusterID: c.ID, By: alice}); pks.AsFailure(err).Code != pks.CodeDeletionLocked {
		t.Errorf("%v", err)
	}
	ops, err := r.Operations(t.Context(), c.ID, 0)
	if err != nil || len(ops) != 2 || ops[0].Description != "Deletion lock set" || !ops[0].State.Settled() {
		t.Errorf("%+v %v", ops, err)
	}
	r.lock(t, c.ID, false)
	r.delete(t, c.ID)
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Errorf("%+v", op)
	}
}

func TestLockCanBeSetWhileAnotherOperationRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.update(t, r.ready(t, "demo").ID, 4)
	stepOnce(t, r.Engine, c.OperationID)
	r.lock(t, c.ID, true)
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Errorf("%+v", op)
	}
	if c := r.cluster(t, c.ID); !c.DeletionLock || c.LastAction != pks.ActionUpdate {
		t.Errorf("%+v", c)
	}
	r.lock(t, c.ID, false)
	r.delete(t, c.ID)
	on := true
	if _, err := r.Update(t.Context(), UpdateRequest{ClusterID: c.ID, By: alice, DeletionLock: &on}); pks.AsFailure(err).Code != pks.CodeOperationInProgress {
		t.Errorf("lock of what is being deleted: %v", err)
	}
}

func TestPreconditionIsHeldAgainstTheClusterAsItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	refused := errors.New("no")
	no := func(pks.Cluster) error { return refused }
	for name, ask := range map[string]func() error{
		"update": func() error {
			_, err := r.Update(t.Context(), UpdateRequest{ClusterID: c.ID, Precondition: no, Change: resize(4)})
			return err
		},
		"lock": func() error {
			_, err := r.Update(t.Context(), UpdateRequest{ClusterID: c.ID, Precondition: no, DeletionLock: new(true)})
			return err
		},
		"delete": func() error {
			_, err := r.Delete(t.Context(), DeleteRequest{ClusterID: c.ID, Precondition: no})
			return err
		},
	} {
		if err := ask(); !errors.Is(err, refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := r.cluster(t, c.ID); after.Revision != c.Revision {
		t.Errorf("revision %d became %d", c.Revision, after.Revision)
	}
}

func TestCreateWithAReceiptHappensOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req := createRequest("demo")
	req.Receipt = store.Receipt{ID: "key", Fingerprint: "f", Status: 202}
	req.Answer = func(c pks.Cluster) (string, error) { return c.ID, nil }
	c, err := r.Create(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	req.Name = "other"
	if _, err := r.Create(t.Context(), req); !errors.Is(err, store.ErrReceiptExists) {
		t.Errorf("second create: %v", err)
	}
	got, found, err := r.store.Receipt(t.Context(), "key")
	if err != nil || !found || got.Body != c.ID {
		t.Errorf("%+v %t %v", got, found, err)
	}
}

func TestExpectedEndIsLearntFromEarlierRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.cfg.Now = func() time.Time { return now }
	c := mustCreate(t, r.Engine, "first")
	op, err := r.Operation(t.Context(), c.OperationID)
	if err != nil {
		t.Fatal(err)
	}
	if end, err := r.ExpectedEnd(t.Context(), op); !end.IsZero() || err != nil {
		t.Errorf("without earlier runs: %s %v", end, err)
	}
	stepOnce(t, r.Engine, op.ID)
	now = now.Add(10 * time.Minute)
	stepUntilSettledByID(t, r.Engine, op.ID)

	c = mustCreate(t, r.Engine, "second")
	if op, err = r.Operation(t.Context(), c.OperationID); err != nil {
		t.Fatal(err)
	}
	begun := now
	for _, test := range []struct {
		after   time.Duration
		percent int
		want    time.Time
	}{
		{time.Minute, 0, begun.Add(10 * time.Minute)},
		{20 * time.Minute, 50, begun.Add(40 * time.Minute)},
		{20 * time.Minute, 0, time.Time{}},
	} {
		now, op.Percent = begun.Add(test.after), test.percent
		if end, err := r.ExpectedEnd(t.Context(), op); !end.Equal(test.want) || err != nil {
			t.Errorf("after %s at %d %%: %s, want %s (%v)", test.after, test.percent, end, test.want, err)
		}
	}
}
