package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ReclaimJobs gives jobs of dead processes back to the queue. The queue itself
// would do so only after the longest time that a job may take.
func (s *SQL) ReclaimJobs(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if s.dialect == Postgres {
		n, err := s.reclaimOfDead(ctx)
		return n, asFailure(err)
	}
	return s.reclaimAll(ctx)
}

// reclaimAll is SQLite's way. One process at a time may have the file, so before
// this one begins to work, every job that is being worked on is a dead process's,
// and so is the office of the queue's leader.
func (s *SQL) reclaimAll(ctx context.Context) (int, error) {
	reclaimed := 0
	err := s.Write(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := tx.SQL().ExecContext(ctx, "DELETE FROM river_leader"); err != nil {
			return fmt.Errorf("end the office of a dead leader: %w", err)
		}
		var err error
		reclaimed, err = reclaim(ctx, tx.SQL(), "UPDATE river_job SET state = 'available' WHERE state = 'running'")
		return err
	})
	return reclaimed, err
}

// reclaimOfDead is PostgreSQL's way: a process whose lock can be had is dead. All
// is done on one connection, which is where such a lock then is.
func (s *SQL) reclaimOfDead(ctx context.Context) (reclaimed int, err error) {
	if err := s.presence.hold(ctx); err != nil {
		return 0, err
	}
	conn, err := s.write.DB.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("connect to database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	workers, err := busyWorkers(ctx, conn)
	if err != nil {
		return 0, err
	}
	for _, worker := range workers {
		n, err := reclaimOf(ctx, conn, worker)
		if err != nil {
			return reclaimed, err
		}
		reclaimed += n
	}
	return reclaimed, nil
}

const lastWorker = "COALESCE(attempted_by[array_upper(attempted_by, 1)], '')"

// busyWorkers are the processes that jobs are marked as being worked on by.
func busyWorkers(ctx context.Context, conn *sql.Conn) (workers []string, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT DISTINCT "+lastWorker+" FROM river_job WHERE state = 'running'")
	if err != nil {
		return nil, fmt.Errorf("list busy workers: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var worker string
		if err := rows.Scan(&worker); err != nil {
			return nil, fmt.Errorf("list busy workers: %w", err)
		}
		workers = append(workers, worker)
	}
	return workers, rows.Err()
}

func reclaimOf(ctx context.Context, conn *sql.Conn, worker string) (n int, err error) {
	if key, ok := keyOf(worker); ok {
		var dead bool
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", key).Scan(&dead); err != nil {
			return 0, fmt.Errorf("look for worker %s: %w", worker, err)
		}
		if !dead {
			return 0, nil
		}
		defer func() {
			_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", key)
			err = errors.Join(err, unlockErr)
		}()
	}
	return reclaim(ctx, conn, "UPDATE river_job SET state = 'available' WHERE state = 'running' AND "+lastWorker+" = $1", worker)
}

func reclaim(ctx context.Context, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, update string, args ...any) (int, error) {
	result, err := db.ExecContext(ctx, update, args...)
	if err != nil {
		return 0, fmt.Errorf("reclaim jobs: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}
