package lifecycle

import (
	"context"
	"slices"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// learntFrom is how many earlier runs an estimate looks at.
const learntFrom = 20

// ExpectedEnd is when an unsettled operation will probably end: the median of what
// earlier ones of its verb took, those on clusters of the same plan if there are
// any. The zero time means that nothing is known, or that it has ended.
//
// An operation that is already slower than that is not late: the rest of the way
// is then taken to go as the part that is done.
func (e *Engine) ExpectedEnd(ctx context.Context, op pks.Operation) (time.Time, error) {
	if op.State.Settled() {
		return time.Time{}, nil
	}
	took, err := e.store.Took(ctx, op.Action, op.PlanID, learntFrom)
	if err == nil && len(took) == 0 {
		took, err = e.store.Took(ctx, op.Action, "", learntFrom)
	}
	if err != nil || len(took) == 0 {
		return time.Time{}, err
	}
	slices.Sort(took)
	now := e.now()
	end := op.CreatedAt.Add(took[len(took)/2])
	if end.After(now) {
		return end, nil
	}
	if op.Percent <= 0 || op.Percent >= 100 {
		return time.Time{}, nil
	}
	spent := now.Sub(op.CreatedAt)
	return now.Add(spent * time.Duration(100-op.Percent) / time.Duration(op.Percent)), nil
}
