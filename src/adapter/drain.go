package adapter

import (
	"strconv"

	"github.com/pks-community/pks-release/src/pks"
)

// drainFlags is how a worker is emptied before it stops, in the words of the
// kubelet job.
type drainFlags struct {
	timeout, gracePeriod                                string
	force, ignoreDaemonSets, deleteLocalData, forceNode bool
}

// drain takes each setting from the cluster, else from the plan, else the
// product's default (reference/pks-product.md §6.2).
func (c *cluster) drain() drainFlags {
	own, plan := c.spec.Drain, c.plan.Drain
	minutes := first(own.TimeoutMinutes, plan.TimeoutMinutes, 0)
	timeout := strconv.Itoa(minutes) + "m"
	if minutes == 0 {
		timeout = "0s" // waits for ever
	}
	return drainFlags{
		timeout:          timeout,
		gracePeriod:      strconv.Itoa(first(own.GracePeriodSeconds, plan.GracePeriodSeconds, 10)),
		force:            first(own.Force, plan.Force, true),
		ignoreDaemonSets: first(own.IgnoreDaemonSets, plan.IgnoreDaemonSets, true),
		deleteLocalData:  first(own.DeleteLocalData, plan.DeleteLocalData, true),
		forceNode:        first(own.ForceNode, plan.ForceNode, false),
	}
}

func first[T any](a, b *T, otherwise T) T {
	if a != nil {
		return *a
	}
	if b != nil {
		return *b
	}
	return otherwise
}

func checkDrain(field string, d pks.DrainSettings) error {
	if t := d.TimeoutMinutes; t != nil && (*t < 0 || *t > 1440) {
		return refuse("%s.timeout_minutes is %d.", field, *t).WithRemedy("Give 0 to 1440; 0 waits for ever.")
	}
	if g := d.GracePeriodSeconds; g != nil && (*g < -1 || *g > 86400) {
		return refuse("%s.grace_period_seconds is %d.", field, *g).WithRemedy("Give -1 to 86400; -1 is the pod's own.")
	}
	return nil
}

// checkForcedDrain refuses to delete pods "after the timeout" when there is none.
func (c *cluster) checkForcedDrain() error {
	d := c.drain()
	if d.forceNode && d.timeout == "0s" {
		return refuse("kubelet_drain.force_node is set, but the drain has no timeout after which to force anything.").
			WithRemedy("Set kubelet_drain.timeout_minutes to 1 or more, or unset force_node.")
	}
	return nil
}
