package pks

import "time"

// RolloutState is what is to become of a rollout's clusters that have not begun.
type RolloutState string

const (
	// RolloutActive: they begin as others end.
	RolloutActive RolloutState = "active"
	// RolloutPaused: they wait until the rollout is resumed.
	RolloutPaused RolloutState = "paused"
	// RolloutCancelled: they are left out; those at work go on to their end.
	RolloutCancelled RolloutState = "cancelled"
	// RolloutDone: all had their turn, or a canary failed.
	RolloutDone RolloutState = "done"
)

// Rollout is the upgrade of many clusters: canaries first and one by one, then
// the others, at most MaxInFlight at a time (reference/pks-api.md §13).
type Rollout struct {
	ID          string
	RequestedBy Principal
	RequestID   string
	// Target is what the clusters are to run, as of the request.
	Target      Versions
	MaxInFlight int
	// NodesParallel is how many workers of a zone are replaced at the same time in
	// each cluster; 0 leaves it to the plans.
	NodesParallel int
	// Force has clusters upgraded that run the target's versions already, for the
	// sake of what versions do not tell: stemcells and settings of plans.
	Force bool
	State RolloutState

	CreatedAt time.Time
	StartedAt time.Time // when the first cluster had its turn; zero until then
	// EndedAt is when nothing was left to do: not before the last cluster at work
	// has ended, also of a cancelled rollout. Zero until then.
	EndedAt time.Time

	// Clusters are in the order of their turns: canaries first.
	Clusters []RolloutCluster
}

// Ended tells whether nothing is left to do.
func (r Rollout) Ended() bool { return !r.EndedAt.IsZero() }

// TurnState is how far a cluster of a rollout has come.
type TurnState string

const (
	TurnQueued    TurnState = "queued"
	TurnRunning   TurnState = "running"
	TurnSucceeded TurnState = "succeeded"
	TurnFailed    TurnState = "failed"
	// TurnUpToDate: the cluster was at the target already; BOSH was not asked.
	TurnUpToDate TurnState = "up to date"
	// TurnGone: the cluster was deleted before its turn.
	TurnGone TurnState = "gone"
	// TurnLeftOut: the rollout was cancelled, or a canary failed, before its turn.
	TurnLeftOut TurnState = "left out"
)

// Settled tells whether the turn is over.
func (s TurnState) Settled() bool { return s != TurnQueued && s != TurnRunning }

// RolloutCluster is one cluster of a rollout, and its turn.
type RolloutCluster struct {
	RolloutID   string
	Position    int // 0 has the first turn
	ClusterID   string
	ClusterName string // kept after the cluster is gone
	Canary      bool
	State       TurnState
	// OperationID is the upgrade of the cluster; empty if there is none.
	OperationID string
	// Reason says why the turn did not succeed.
	Reason    string
	StartedAt time.Time
	EndedAt   time.Time
}

// RolloutTally counts clusters by the state of their turns.
type RolloutTally struct {
	Queued, Running, Succeeded, Failed, UpToDate, Gone, LeftOut int
}

// Tally counts the rollout's clusters.
func (r Rollout) Tally() RolloutTally {
	var t RolloutTally
	for _, c := range r.Clusters {
		switch c.State {
		case TurnQueued:
			t.Queued++
		case TurnRunning:
			t.Running++
		case TurnSucceeded:
			t.Succeeded++
		case TurnFailed:
			t.Failed++
		case TurnUpToDate:
			t.UpToDate++
		case TurnGone:
			t.Gone++
		case TurnLeftOut:
			t.LeftOut++
		}
	}
	return t
}
