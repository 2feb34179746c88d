package storetest

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

const crowd = 12

func oneOfManyCreatesWins(t *testing.T, s store.Store) {
	var won atomic.Int32
	var group errgroup.Group
	for range crowd {
		group.Go(func() error {
			err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.InsertCluster(ctx, newCluster("demo")) })
			if err == nil {
				won.Add(1)
			} else if code := pks.AsFailure(err).Code; code != pks.CodeNameTaken && code != pks.CodeHostTaken {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if won.Load() != 1 {
		t.Errorf("%d creates of one name succeeded", won.Load())
	}
}

func oneOfManyOperationsWins(t *testing.T, s store.Store) {
	c := insertCluster(t, s, newCluster("demo"))
	var winner atomic.Value
	named := make([]string, crowd)
	var group errgroup.Group
	for i := range crowd {
		group.Go(func() error {
			op := newOperation(c)
			err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.InsertOperation(ctx, op) })
			if err == nil {
				if winner.Swap(op.ID) != nil {
					t.Error("a second operation was stored")
				}
				return nil
			}
			f := pks.AsFailure(err)
			named[i] = f.OperationID
			if f.Code != pks.CodeOperationInProgress {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, id := range named {
		if id != "" && id != winner.Load() {
			t.Errorf("refused because of %s, want %v", id, winner.Load())
		}
	}
}

func noUpdateIsLost(t *testing.T, s store.Store) {
	c := newCluster("demo")
	c.Spec.WorkerInstances = 0
	insertCluster(t, s, c)
	var group errgroup.Group
	for range crowd {
		group.Go(func() error {
			return s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				c, err := tx.LockCluster(ctx, c.ID)
				if err != nil {
					return err
				}
				c.Spec.WorkerInstances++
				return tx.UpdateCluster(ctx, c)
			})
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	got, err := s.Cluster(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	if got.Spec.WorkerInstances != crowd {
		t.Errorf("%d of %d updates are there", got.Spec.WorkerInstances, crowd)
	}
}

// cancelledWritersLeaveItUsable ends requests at every moment of a transaction: a
// connection that were left in the middle of one would spoil all that come after.
func cancelledWritersLeaveItUsable(t *testing.T, s store.Store) {
	c := insertCluster(t, s, newCluster("demo"))
	var group errgroup.Group
	for i := range 60 {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*300*time.Microsecond)
			defer cancel()
			_ = s.Write(ctx, func(ctx context.Context, tx store.Tx) error { // most of these fail
				c, err := tx.LockCluster(ctx, c.ID)
				if err != nil {
					return err
				}
				return tx.UpdateCluster(ctx, c)
			})
			_, _ = s.Clusters(ctx, store.ClusterFilter{})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.UpdateCluster(ctx, c) })
	if _, err := s.Cluster(t.Context(), "demo"); err != nil {
		t.Error(err)
	}
}

func readersDoNotWait(t *testing.T, s store.Store) {
	c := insertCluster(t, s, newCluster("demo"))
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		changed, err := tx.LockCluster(ctx, c.ID)
		if err != nil {
			return err
		}
		changed.PlanName = "changed"
		if err := tx.UpdateCluster(ctx, changed); err != nil {
			return err
		}
		got, err := s.Cluster(ctx, "demo")
		if err != nil {
			return err
		}
		if got.PlanName != c.PlanName {
			t.Errorf("a reader saw %q, which is not committed", got.PlanName)
		}
		_, err = s.Clusters(ctx, store.ClusterFilter{})
		return err
	})
}

func pingAnswers(t *testing.T, s store.Store) {
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func closedStoreIsUnavailable(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.Ping(t.Context()), pks.CodeStoreUnavailable)
	_, err := s.Cluster(t.Context(), "demo")
	wantCode(t, err, pks.CodeStoreUnavailable)
	_, err = s.Clusters(t.Context(), store.ClusterFilter{})
	wantCode(t, err, pks.CodeStoreUnavailable)
	_, err = s.Operation(t.Context(), "id")
	wantCode(t, err, pks.CodeStoreUnavailable)
	_, err = s.Events(t.Context(), "id", 0, 0)
	wantCode(t, err, pks.CodeStoreUnavailable)
	err = s.Write(t.Context(), func(context.Context, store.Tx) error { return nil })
	wantCode(t, err, pks.CodeStoreUnavailable)
}

type idleJob struct{}

func (idleJob) Kind() string { return "storetest_idle" }

// reclaimJobs marks a job as being worked on, as a process does that then dies.
func reclaimJobs(t *testing.T, s store.Store) {
	queue, err := river.NewClient[*sql.Tx](s.Queue().Driver(), &river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var job *rivertype.JobInsertResult
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		if job, err = queue.InsertTx(ctx, tx.SQL(), idleJob{}, nil); err != nil {
			return err
		}
		_, err = tx.SQL().ExecContext(ctx, "UPDATE river_job SET state = 'running'")
		return err
	})
	if _, err := s.ReclaimJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	row, err := queue.JobGet(t.Context(), job.Job.ID)
	if err != nil {
		t.Fatal(err)
	}
	if row.State != rivertype.JobStateAvailable {
		t.Errorf("job is %s", row.State)
	}
}
