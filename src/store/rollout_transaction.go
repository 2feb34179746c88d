package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/pks"
)

// rolloutsLock is an advisory lock's key, chosen at random once.
const rolloutsLock int64 = 0x706b732d726f6c6c

// turnsAtOnce keeps a statement well below SQLite's longest.
const turnsAtOnce = 200

func (t *transaction) LockRollouts(ctx context.Context) ([]pks.Rollout, error) {
	if t.store.dialect == Postgres {
		if _, err := t.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", rolloutsLock); err != nil {
			return nil, fmt.Errorf("lock rollouts: %w", err)
		}
	}
	return listRollouts(ctx, t.Tx, RolloutFilter{Unended: true})
}

func (t *transaction) InsertRollout(ctx context.Context, r pks.Rollout) error {
	if _, err := t.NewInsert().Model(rolloutRowOf(r)).Exec(ctx); err != nil {
		return fmt.Errorf("insert rollout: %w", err)
	}
	rows := make([]turnRow, len(r.Clusters))
	for i, turn := range r.Clusters {
		rows[i] = turnRowOf(turn)
	}
	for chunk := range slices.Chunk(rows, turnsAtOnce) {
		if _, err := t.NewInsert().Model(&chunk).Exec(ctx); err != nil {
			return fmt.Errorf("insert clusters of rollout: %w", err)
		}
	}
	_, err := t.NewUpdate().Model((*clusterRow)(nil)).
		Set("rollout_id = ?, revision = revision + 1", r.ID).
		Where("id IN (SELECT cluster_id FROM rollout_clusters WHERE rollout_id = ? AND state = 'queued')", r.ID).
		Where("action_state <> ?", string(pks.ActionInProgress)).
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("mark clusters of rollout: %w", err)
	}
	return nil
}

func (t *transaction) LockRollout(ctx context.Context, id string) (pks.Rollout, error) {
	return rolloutWhere(ctx, t.locked(t.NewSelect()), id)
}

func (t *transaction) UpdateRollout(ctx context.Context, r pks.Rollout) error {
	result, err := t.NewUpdate().Model(rolloutRowOf(r)).WherePK().Exec(ctx)
	return oneRow(result, err, "update rollout "+r.ID)
}

func (t *transaction) Turns(ctx context.Context, rolloutID string, state pks.TurnState, limit int) ([]pks.RolloutCluster, error) {
	return listTurns(ctx, t.NewSelect().Where("rollout_id = ? AND state = ?", rolloutID, string(state)), limit)
}

func (t *transaction) IdleTurns(ctx context.Context, rolloutID string, limit int) ([]pks.RolloutCluster, error) {
	query := t.NewSelect().
		Where("rollout_id = ? AND state = ?", rolloutID, string(pks.TurnQueued)).
		Where("NOT EXISTS (SELECT 1 FROM clusters WHERE id = cluster_id AND action_state = ?)", string(pks.ActionInProgress))
	return listTurns(ctx, query, limit)
}

func listTurns(ctx context.Context, query *bun.SelectQuery, limit int) ([]pks.RolloutCluster, error) {
	var rows []turnRow
	query.Model(&rows).Order("position")
	if limit > 0 {
		query.Limit(int64(limit))
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list turns of rollout: %w", err)
	}
	turns := make([]pks.RolloutCluster, len(rows))
	for i, row := range rows {
		turns[i] = row.turn()
	}
	return turns, nil
}

func (t *transaction) UpdateTurn(ctx context.Context, turn pks.RolloutCluster) error {
	row := turnRowOf(turn)
	result, err := t.NewUpdate().Model(&row).WherePK().Exec(ctx)
	return oneRow(result, err, "update turn of cluster "+turn.ClusterName)
}

func (t *transaction) LeaveOut(ctx context.Context, rolloutID, reason string, at time.Time) (int, error) {
	_, err := t.NewUpdate().Model((*clusterRow)(nil)).
		Set("rollout_id = '', revision = revision + 1").
		Where("rollout_id = ?", rolloutID).
		Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("take the mark off clusters of rollout: %w", err)
	}
	result, err := t.NewUpdate().Model((*turnRow)(nil)).
		Set("state = ?, reason = ?, ended_at = ?", string(pks.TurnLeftOut), reason, micros(at)).
		Where("rollout_id = ? AND state = 'queued'", rolloutID).
		Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("leave clusters out of rollout: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func (t *transaction) WaitingIn(ctx context.Context, clusterID string) ([]string, error) {
	var ids []string
	err := t.NewSelect().Model((*turnRow)(nil)).Column("rollout_id").
		Where("cluster_id = ? AND state = 'queued'", clusterID).Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("list rollouts that a cluster waits in: %w", err)
	}
	return ids, nil
}

func (t *transaction) PruneRollouts(ctx context.Context, before time.Time) (int, error) {
	result, err := t.NewDelete().Model((*rolloutRow)(nil)).Where("ended_at > 0 AND ended_at < ?", micros(before)).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("prune rollouts: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}
