package pks

import "time"

// OperationState is how far a change has come (DESIGN §5).
type OperationState string

const (
	// OperationAccepted: stored and queued; nothing was asked of the broker yet,
	// or the answer is not known.
	OperationAccepted OperationState = "accepted"
	// OperationSubmitted: the broker answered; its operation string is stored.
	OperationSubmitted OperationState = "submitted"
	// OperationRunning: the BOSH task was seen at work.
	OperationRunning   OperationState = "running"
	OperationSucceeded OperationState = "succeeded"
	OperationFailed    OperationState = "failed"
	OperationCancelled OperationState = "cancelled"
)

// Settled tells whether the operation has ended.
func (s OperationState) Settled() bool {
	return s == OperationSucceeded || s == OperationFailed || s == OperationCancelled
}

// CanBecome tells whether next may follow s. Staying in a state is allowed: a
// step that is repeated after a crash finds it already written.
func (s OperationState) CanBecome(next OperationState) bool {
	if s == next {
		return true
	}
	switch s {
	case OperationAccepted:
		return next != OperationAccepted
	case OperationSubmitted:
		return next == OperationRunning || next.Settled()
	case OperationRunning:
		return next.Settled()
	default:
		return false
	}
}

// Landing is where a cancelled operation left the cluster's deployment. It is
// what makes a cancelled operation safe to deal with: the state has a name.
type Landing string

const (
	// LandedUntouched: nothing had been asked of the broker; all is as before.
	LandedUntouched Landing = "untouched"
	// LandedAbsent: there is no deployment.
	LandedAbsent Landing = "absent"
	// LandedIncomplete: the first deploy did not end.
	LandedIncomplete Landing = "incomplete"
	// LandedInconsistent: VMs may be between what was and what was asked for.
	LandedInconsistent Landing = "inconsistent"
	// LandedUnknown: the broker does not tell whether it had begun.
	LandedUnknown Landing = "unknown"
)

// Remedy says what to do about a cluster that was left so.
func (l Landing) Remedy() string {
	switch l {
	case LandedUntouched:
		return "nothing was changed"
	case LandedAbsent:
		return "nothing is left of it; repeat the operation or delete the cluster"
	case LandedIncomplete:
		return "some machines may exist; repeat the operation or delete the cluster"
	case LandedInconsistent:
		return "some machines may have been changed; repeat the operation or update the cluster to make them equal"
	default:
		return "it is not known whether machines were changed; repeat the operation or update the cluster to be sure"
	}
}

// Operation is one change of one cluster, from the request to its end.
type Operation struct {
	ID          string
	ClusterID   string
	ClusterName string // kept after the cluster is gone
	Action      Action
	State       OperationState

	// Spec is what the cluster is to become; Previous is what it was before. Both
	// are whole. For CREATE, Previous is nil; for DELETE, both are equal.
	Spec     ClusterSpec
	Previous *ClusterSpec

	// PreviousMachines are what was recorded that the cluster takes before the
	// operation.
	PreviousMachines Machines

	RequestedBy Principal
	RequestID   string // of the HTTP request, for logs

	// RolloutID is the rollout that the operation is part of; empty for none.
	RolloutID string
	// Target is what an UPGRADE leads to: the versions of the server that asked the
	// broker for it. Empty for other actions.
	Target Versions

	// BrokerOperation is the opaque string that the broker wants back in every
	// poll; empty until it answered.
	BrokerOperation string
	// EventOffset is where the broker's next answer about progress begins.
	EventOffset int64
	// Attempts counts the calls in a row that did not bring the operation on: the
	// broker was away, busy or at fault. It is 0 again after one that did.
	Attempts int
	// Faults counts those of Attempts in which the broker was at fault: there is
	// an end to these.
	Faults int
	// BOSHTask is the newest task seen for the operation; 0 until then.
	BOSHTask int
	// Percent is how much of the task's steps are done, 0–100.
	Percent int
	// Description is the text for last_action_description.
	Description string

	// Failure is set when State is failed.
	Failure *Failure

	// PlanID is the cluster's plan, for what earlier runs tell of later ones.
	PlanID string
	// DeletionLock is what the operation set the cluster's lock to; nil leaves it.
	DeletionLock *bool
	// AskedAt is when the broker was first about to be asked; zero until then, so
	// that what has it zero can be cancelled without a trace.
	AskedAt time.Time
	// CancelRequestedAt is when somebody wanted the operation cancelled; zero for
	// never, and again when it turned out to be impossible.
	CancelRequestedAt time.Time
	// Landed is set when State is cancelled.
	Landed Landing

	CreatedAt time.Time
	UpdatedAt time.Time
	SettledAt time.Time // zero until then
}

// Event is one line of what happened during an operation: a step of the
// operation itself or of its BOSH task. Seq counts up per cluster from 1.
type Event struct {
	Seq         int64
	OperationID string
	Time        time.Time
	BOSHTask    int    // 0 for a step of the operation itself
	Stage       string // "Updating instance"
	Subject     string // "worker/UUID (0)"; what the stage works on
	State       string // started, in_progress, finished, failed
	Percent     int    // of the whole operation
	Message     string // the line, ready to print
}
