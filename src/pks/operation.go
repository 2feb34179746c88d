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

	RequestedBy Principal
	RequestID   string // of the HTTP request, for logs

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
