package lifecycle

import (
	"context"

	"github.com/pks-community/pks-release/src/pks"
)

// RotateCertificates makes the cluster's own certificate authorities and all that
// they sign anew, in three deploys of one operation; a rotation that had begun is
// gone on with. Its failures are those of Update.
func (e *Engine) RotateCertificates(ctx context.Context, req RotateRequest) (pks.Cluster, error) {
	asked := asked{clusterID: req.ClusterID, by: req.By, requestID: req.RequestID, precondition: req.Precondition, exempt: true, keyed: req.Keyed}
	return e.change(ctx, pks.ActionUpdate, asked, func(c *pks.Cluster) error {
		if c.ReadyAt.IsZero() {
			return notReady(*c)
		}
		c.Spec.Certificates = c.Spec.Certificates.Rotate()
		return nil
	})
}

// nextRotationStep leads an operation that rotates certificates to its next
// deploy; false when there is none.
func (e *Engine) nextRotationStep(op pks.Operation) (outcome, bool) {
	if !op.Rotates() {
		return outcome{}, false
	}
	next, more := op.Spec.Certificates.Next()
	if !more {
		return outcome{}, false
	}
	if !op.CancelRequestedAt.IsZero() {
		return cancelled(op, pks.LandedInconsistent), true
	}
	op.Percent = overall(op, 100)
	op.Spec.Certificates = next
	op.BrokerOperation, op.EventOffset = "", 0
	op.Attempts, op.Faults = 0, 0
	op.Description = op.Running()
	return outcome{operation: op, events: []pks.Event{{State: "started", BOSHTask: op.BOSHTask, Message: op.Description}}}, true
}

// toBeAsked tells whether the broker is to be asked to begin: at first, and for each
// further deploy of a rotation.
func toBeAsked(op pks.Operation) bool {
	return op.State == pks.OperationAccepted || op.Rotates() && op.BrokerOperation == ""
}

// overall is how much of the whole operation is done when so much of its deploy is.
func overall(op pks.Operation, percent int) int {
	if !op.Rotates() {
		return percent
	}
	return ((op.Spec.Certificates.Step()-1)*100 + percent) / pks.RotationSteps
}
