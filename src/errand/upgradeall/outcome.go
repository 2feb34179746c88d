package upgradeall

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/pks"
)

// fate is what has become of a cluster.
type fate int

const (
	waiting fate = iota // its turn has not ended
	succeeded
	upToDate
	deleted
	skipped
	failed
)

// outcome is that of one cluster, as far as it is known.
type outcome struct {
	name   string
	fate   fate
	reason string
	// again: it has the target's versions, but an attempt to redeploy it failed.
	again bool
}

// fateOf reads one turn. Tasks of other makes have no State.
func fateOf(task v1.TaskInfo, turn v1.ClusterUpgradeInfo) fate {
	switch {
	case turn.State == v1.UpgradeUpToDate:
		return upToDate
	case turn.State == v1.UpgradeDeleted:
		return deleted
	case turn.State == v1.UpgradeNotStarted:
		return skipped
	}
	switch turn.LastActionState {
	case string(pks.ActionSucceeded):
		return succeeded
	case string(pks.ActionInProgress):
		return waiting
	case string(pks.ActionQueued):
		if task.Status == v1.TaskDone || task.Status == v1.TaskCanceled {
			return skipped
		}
		return waiting
	}
	return failed
}

// ended tells whether nothing of the task is at work or to come. A cancelled task
// may have clusters at work still.
func ended(task v1.TaskInfo) bool {
	if task.Status != v1.TaskDone && task.Status != v1.TaskCanceled {
		return false
	}
	for _, turn := range task.Clusters {
		if fateOf(task, turn) == waiting {
			return false
		}
	}
	return true
}

// halted tells whether a failed canary, or somebody, has stopped the task.
func halted(task v1.TaskInfo) bool {
	return slices.ContainsFunc(task.Clusters, func(turn v1.ClusterUpgradeInfo) bool {
		fate := fateOf(task, turn)
		return fate == skipped || turn.IsCanary && fate == failed
	})
}

// note keeps what the task tells. A cluster that was upgraded by an attempt is up
// to date in the next, and counts as upgraded.
func (r *run) note(task v1.TaskInfo) {
	for _, turn := range task.Clusters {
		key := keyOf(turn.ClusterUUID, turn.ClusterName)
		before, known := r.outcomes[key]
		if !known {
			r.order = append(r.order, key)
		}
		now := outcome{name: turn.ClusterName, fate: fateOf(task, turn), reason: turn.Reason}
		if before.fate == succeeded && now.fate == upToDate {
			now.fate = succeeded
		}
		now.again = now.fate == upToDate && (before.again || before.fate == failed)
		r.outcomes[key] = now
	}
}

// keyOf tells clusters apart also at servers of other makes.
func keyOf(id, name string) string { return cmp.Or(id, name) }

// behind are the clusters that did not come to the target, in the order of their
// turns.
func (r *run) behind() []outcome {
	var all []outcome
	for _, key := range r.order {
		if o := r.outcomes[key]; o.fate == failed || o.fate == skipped || o.fate == waiting {
			all = append(all, o)
		}
	}
	return all
}

// mostExplained bounds how many clusters are asked about one by one.
const mostExplained = 50

// faults says of each failed cluster why, with its BOSH task and the remedy, and of
// the others how many were left out.
func (r *run) faults(ctx context.Context, behind []outcome) []error {
	var faults []error
	left := 0
	for _, o := range behind {
		if o.fate != failed {
			left++
			continue
		}
		faults = append(faults, r.explain(ctx, o, len(faults) < mostExplained))
	}
	if left > 0 {
		faults = append(faults, fmt.Errorf("%d clusters were left out: their turn did not come", left))
	}
	return faults
}

func (r *run) explain(ctx context.Context, o outcome, ask bool) error {
	var cluster v1.Cluster
	if ask {
		if read, err := r.api.Cluster(ctx, o.name); err == nil {
			cluster = read.Value
		}
	}
	return errand.Explain(o.name, o.reason, cluster)
}
