package lifecycle

import (
	"errors"
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

// refusal is the failure of what the broker will not do, in its own words.
func refusal(err error) *pks.Failure {
	e, ok := errors.AsType[*osb.Error](err)
	switch {
	case ok && e.OverQuota():
		return pks.Failf(pks.CodeQuotaExceeded, "A quota of the platform is reached: %s.", strings.TrimRight(e.Description, ". ")).
			WithRemedy("Delete or shrink a cluster, or ask the platform operator to raise the quota in the broker's configuration.").WithCause(err)
	case ok:
		return pks.Failf(pks.CodeBrokerRefused, "%s", e.UserText()).WithCause(err)
	}
	return pks.AsFailure(err)
}

// deployFailure is the failure of a BOSH task, from the broker's description of
// it (reference/on-demand-broker.md §1.9). A broker that exposes operational
// errors ends that with what BOSH said, which is what helps; all of it is kept
// for operators.
func deployFailure(op pks.Operation, description string) *pks.Failure {
	const bosh = "error-message: "
	said := strings.TrimSpace(strings.TrimPrefix(description, op.Action.Failed("")))
	cause := said
	if at := strings.Index(said, bosh); at >= 0 && said[at+len(bosh):] != "" {
		cause = said[at+len(bosh):]
	}
	if cause == "" {
		cause = "The broker gave no reason."
	}
	if task := strconv.Itoa(op.BOSHTask); op.BOSHTask > 0 && !strings.Contains(cause, "task "+task) && !strings.Contains(cause, "task: "+task) {
		cause = "BOSH task " + task + ": " + cause
	}
	f := pks.Failf(pks.CodeDeployFailed, "%s", cause)
	f.BOSHTask = op.BOSHTask
	if !strings.HasSuffix(cause, said) {
		f.Operator = said
	}
	return f
}

func deploymentLost(c pks.Cluster, err error) *pks.Failure {
	return pks.Failf(pks.CodeDeploymentLost, "The BOSH deployment %s does not exist.", c.DeploymentName()).WithCause(err)
}
