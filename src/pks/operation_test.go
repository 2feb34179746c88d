package pks

import "testing"

func TestOperationStatesOnlyMoveForward(t *testing.T) {
	t.Parallel()
	order := []OperationState{
		OperationAccepted, OperationSubmitted, OperationRunning,
		OperationSucceeded, OperationFailed, OperationCancelled,
	}
	for i, from := range order {
		for j, to := range order {
			want := i == j || (!from.Settled() && j > i)
			if got := from.CanBecome(to); got != want {
				t.Errorf("%s → %s: %t, want %t", from, to, got, want)
			}
		}
	}
}

func TestDescriptionsAreTheKnownTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{ActionCreate.Accepted(), "Creating cluster"},
		{ActionCreate.Running(), "Instance provisioning in progress"},
		{ActionUpdate.Completed(), "Instance update completed"},
		{ActionUpgrade.Failed("Failed for bosh task: 7"), "Instance upgrade failed: Failed for bosh task: 7"},
		{ActionDelete.Running(), "Instance deletion in progress"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
