package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/pks"
)

// RolloutReader answers questions about rollouts.
type RolloutReader interface {
	// Rollout finds a rollout, its clusters with it; task_not_found if there is
	// none.
	Rollout(ctx context.Context, id string) (pks.Rollout, error)
	// Rollouts lists rollouts, their clusters with them, newest first.
	Rollouts(ctx context.Context, filter RolloutFilter) ([]pks.Rollout, error)
}

// RolloutFilter narrows a list. Its zero value lists all rollouts.
type RolloutFilter struct {
	// RequestedBy keeps the rollouts of one identity (pks.Principal.Same).
	RequestedBy *pks.Principal
	// Unended keeps those that have something left to do.
	Unended bool
	// Limit keeps the newest; 0 means all.
	Limit int
}

// RolloutTx is what a transaction can do with rollouts.
//
// A transaction that locks a rollout and clusters locks the rollout first.
type RolloutTx interface {
	// LockRollouts lists the rollouts that have not ended, their clusters with
	// them, and keeps others from adding any until the transaction ends.
	LockRollouts(ctx context.Context) ([]pks.Rollout, error)
	// InsertRollout adds a rollout and its clusters; those that are queued, and not
	// at work, are marked with it (pks.Cluster.RolloutID).
	InsertRollout(ctx context.Context, r pks.Rollout) error
	// LockRollout reads a rollout without its clusters and keeps others from
	// changing it until the transaction ends; task_not_found if there is none.
	LockRollout(ctx context.Context, id string) (pks.Rollout, error)
	// UpdateRollout writes all of a rollout but its clusters.
	UpdateRollout(ctx context.Context, r pks.Rollout) error
	// Turns lists the clusters of a rollout that are in the state, in the order of
	// their turns; limit 0 means all.
	Turns(ctx context.Context, rolloutID string, state pks.TurnState, limit int) ([]pks.RolloutCluster, error)
	// IdleTurns lists queued clusters of a rollout to which nothing is being done,
	// those that are gone among them, in the order of their turns.
	IdleTurns(ctx context.Context, rolloutID string, limit int) ([]pks.RolloutCluster, error)
	// UpdateTurn writes all of a rollout's cluster.
	UpdateTurn(ctx context.Context, turn pks.RolloutCluster) error
	// LeaveOut ends the turns of all queued clusters of a rollout, takes the
	// rollout's mark off them, and returns how many they were.
	LeaveOut(ctx context.Context, rolloutID, reason string, at time.Time) (int, error)
	// WaitingIn lists the rollouts in which a cluster is queued.
	WaitingIn(ctx context.Context, clusterID string) ([]string, error)
	// PruneRollouts removes rollouts that ended before t, and returns how many.
	PruneRollouts(ctx context.Context, before time.Time) (int, error)
}

// Rollout finds a rollout, its clusters with it.
func (s *SQL) Rollout(ctx context.Context, id string) (pks.Rollout, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rollout, err := rolloutWhere(ctx, s.read.NewSelect(), id)
	if err != nil {
		return pks.Rollout{}, err
	}
	whole := []pks.Rollout{rollout}
	err = addClusters(ctx, s.read, whole)
	return whole[0], err
}

func rolloutWhere(ctx context.Context, query *bun.SelectQuery, id string) (pks.Rollout, error) {
	var row rolloutRow
	err := query.Model(&row).Where("id = ?", id).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return pks.Rollout{}, pks.Failf(pks.CodeTaskNotFound, "Task %s not found.", pks.Shorten(id))
	case err != nil:
		return pks.Rollout{}, asFailure(fmt.Errorf("read rollout: %w", err))
	default:
		return row.rollout(), nil
	}
}

// Rollouts lists rollouts, their clusters with them, newest first.
func (s *SQL) Rollouts(ctx context.Context, filter RolloutFilter) ([]pks.Rollout, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return listRollouts(ctx, s.read, filter)
}

func listRollouts(ctx context.Context, db bun.IDB, filter RolloutFilter) ([]pks.Rollout, error) {
	var rows []rolloutRow
	query := db.NewSelect().Model(&rows).Order("created_at DESC", "id")
	if p := filter.RequestedBy; p != nil {
		query.Where("by_id = ? AND by_origin = ? AND by_kind = ?", p.ID, p.Origin, string(p.Kind))
	}
	if filter.Unended {
		query.Where("ended_at = 0")
	}
	if filter.Limit > 0 {
		query.Limit(int64(filter.Limit))
	}
	if err := query.Scan(ctx); err != nil {
		return nil, asFailure(fmt.Errorf("list rollouts: %w", err))
	}
	rollouts := make([]pks.Rollout, len(rows))
	for i := range rows {
		rollouts[i] = rows[i].rollout()
	}
	return rollouts, addClusters(ctx, db, rollouts)
}

// addClusters reads the clusters of all the rollouts in one query.
func addClusters(ctx context.Context, db bun.IDB, rollouts []pks.Rollout) error {
	if len(rollouts) == 0 {
		return nil
	}
	at := make(map[string]int, len(rollouts))
	ids := make([]string, len(rollouts))
	for i, r := range rollouts {
		at[r.ID], ids[i] = i, r.ID
	}
	var rows []turnRow
	err := db.NewSelect().Model(&rows).Where("rollout_id IN (?)", bun.List(ids)).Order("rollout_id", "position").Scan(ctx)
	if err != nil {
		return asFailure(fmt.Errorf("list clusters of rollouts: %w", err))
	}
	for _, row := range rows {
		r := &rollouts[at[row.RolloutID]]
		r.Clusters = append(r.Clusters, row.turn())
	}
	return nil
}
