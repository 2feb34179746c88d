package errand

import (
	"errors"
	"fmt"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

// Explain says why the last operation of a cluster failed: reason, then the BOSH
// task to look at and the remedy, as far as the cluster's document tells and the
// reason does not.
func Explain(name, reason string, cluster v1.Cluster) error {
	text := fmt.Sprintf("cluster %s: %s", name, reason)
	operation := cluster.Operation
	if operation == nil {
		return errors.New(text)
	}
	if operation.BOSHTask != 0 {
		text += fmt.Sprintf(" (BOSH task %d of deployment %s%s: 'bosh task %d --debug')",
			operation.BOSHTask, pks.DeploymentPrefix, cluster.UUID, operation.BOSHTask)
	}
	if f := operation.Failure; f != nil && f.Remedy != "" && !strings.Contains(text, f.Remedy) {
		text += " " + f.Remedy
	}
	return errors.New(text)
}
