package pks

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTallyCountsEveryState(t *testing.T) {
	t.Parallel()
	var r Rollout
	for n, state := range []TurnState{TurnQueued, TurnRunning, TurnSucceeded, TurnFailed, TurnUpToDate, TurnGone, TurnLeftOut} {
		if settled := state != TurnQueued && state != TurnRunning; state.Settled() != settled {
			t.Errorf("%s: settled %t", state, !settled)
		}
		for range n + 1 {
			r.Clusters = append(r.Clusters, RolloutCluster{State: state})
		}
	}
	if diff := cmp.Diff(RolloutTally{Queued: 1, Running: 2, Succeeded: 3, Failed: 4, UpToDate: 5, Gone: 6, LeftOut: 7}, r.Tally()); diff != "" {
		t.Error(diff)
	}
}
