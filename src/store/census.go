package store

import (
	"context"
	"fmt"

	"github.com/pks-community/pks-release/src/pks"
)

// Count is how many clusters there are of which the last action went so.
type Count struct {
	Action   pks.Action
	State    pks.ActionState
	Clusters int
}

// Census counts the clusters, in one query.
func (s *SQL) Census(ctx context.Context) ([]Count, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var rows []struct {
		Action      string `bun:"action"`
		ActionState string `bun:"action_state"`
		Clusters    int    `bun:"clusters"`
	}
	err := s.read.NewSelect().Model((*clusterRow)(nil)).
		Column("action", "action_state").ColumnExpr("COUNT(*) AS clusters").
		Group("action", "action_state").Order("action", "action_state").Scan(ctx, &rows)
	if err != nil {
		return nil, asFailure(fmt.Errorf("count clusters: %w", err))
	}
	counts := make([]Count, len(rows))
	for i, r := range rows {
		counts[i] = Count{pks.Action(r.Action), pks.ActionState(r.ActionState), r.Clusters}
	}
	return counts, nil
}
