package lifecycle

import (
	"testing"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

func TestQuotaOfTheBrokerIsAQuota(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.broker.script = failing("provision", &osb.Error{
		Kind: osb.Refused, Call: "provision", Status: 500, Code: "QuotaExceeded", Description: "plan instance limit exceeded for service ID: s. Total instances: 5",
	})
	c := mustCreate(t, r.Engine, "demo")
	op := stepUntilSettled(t, r.Engine, c.ID)
	if op.State != pks.OperationFailed {
		t.Fatalf("%+v", op)
	}
	wantFailure(t, op.Failure, pks.CodeQuotaExceeded, "A quota of the platform is reached: plan instance limit exceeded for service ID: s. Total instances: 5.")
	wantDescription(t, r.cluster(t, c.ID), pks.ActionFailed, "A quota of the platform is reached")
}
