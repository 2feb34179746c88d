package store

import (
	"context"
	"fmt"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// Took lists how long the latest operations of the action took that succeeded,
// on clusters of the plan, newest first; an empty plan means any.
func (s *SQL) Took(ctx context.Context, action pks.Action, planID string, limit int) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	query := s.read.NewSelect().Model((*operationRow)(nil)).ColumnExpr("settled_at - created_at").
		Where("state = 'succeeded' AND action = ? AND asked_at > 0", string(action)).
		Order("settled_at DESC").Limit(int64(limit))
	if planID != "" {
		query.Where("plan_id = ?", planID)
	}
	var micros []int64
	if err := query.Scan(ctx, &micros); err != nil {
		return nil, asFailure(fmt.Errorf("read how long operations took: %w", err))
	}
	took := make([]time.Duration, len(micros))
	for i, us := range micros {
		took[i] = time.Duration(us) * time.Microsecond
	}
	return took, nil
}
