package store_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/riverqueue/river"
	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func TestPostgresServersMigrateTogether(t *testing.T) {
	t.Parallel()
	cfg := store.Config{Driver: store.Postgres, DSN: needPostgres(t).Database(t)}
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			s, err := store.Open(t.Context(), cfg)
			if err != nil {
				return err
			}
			return s.Close()
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPostgresOperationsOfOtherClustersDoNotWait(t *testing.T) {
	t.Parallel()
	s := open(t, store.Config{Driver: store.Postgres, DSN: needPostgres(t).Database(t)})
	for _, name := range []string{"a", "b"} {
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			return tx.InsertCluster(ctx, pks.Cluster{ID: name, Name: name, Spec: pks.ClusterSpec{MasterHost: name}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	lock := func(ctx context.Context, id string, then func() error) error {
		return s.Write(ctx, func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.LockCluster(ctx, id); err != nil {
				return err
			}
			return then()
		})
	}
	// b is changed from within a change of a: were there one lock, it would never end.
	err := lock(t.Context(), "a", func() error {
		return lock(t.Context(), "b", func() error { return nil })
	})
	if err != nil {
		t.Error(err)
	}
}

type someJob struct{}

func (someJob) Kind() string { return "some_job" }

func TestPostgresReclaimsJobsOfTheDeadAlone(t *testing.T) {
	t.Parallel()
	cfg := store.Config{Driver: store.Postgres, DSN: needPostgres(t).Database(t)}
	alive, dead := open(t, cfg), open(t, cfg)
	queue, err := river.NewClient[*sql.Tx](alive.Queue().Driver(), &river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	busy := func(worker string) int64 {
		job, err := queue.Insert(t.Context(), someJob{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = alive.Queue().DB.ExecContext(t.Context(),
			"UPDATE river_job SET state = 'running', attempted_by = ARRAY['earlier', $2] WHERE id = $1", job.Job.ID, worker)
		if err != nil {
			t.Fatal(err)
		}
		return job.Job.ID
	}
	state := func(id int64) string {
		row, err := queue.JobGet(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return string(row.State)
	}
	ofAlive, ofDead := busy(alive.Queue().Worker), busy(dead.Queue().Worker)
	third := open(t, cfg)
	if n, err := third.ReclaimJobs(t.Context()); n != 0 || err != nil {
		t.Errorf("reclaimed %d, %v while all live", n, err)
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := third.ReclaimJobs(t.Context()); n != 1 || err != nil {
		t.Errorf("reclaimed %d, %v; want 1", n, err)
	}
	if got := state(ofAlive) + " " + state(ofDead); got != "running available" {
		t.Errorf("states %s", got)
	}
}
