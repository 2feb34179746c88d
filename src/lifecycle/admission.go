package lifecycle

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// admit lets a cluster become what c says, if its profiles exist and the quota of
// its owner has room, and records what it takes meanwhile. Previous is nil for a
// new cluster. It runs in the transaction that stores c, so that of many requests
// at once no more are let in than there is room for.
func (e *Engine) admit(ctx context.Context, tx store.Tx, c *pks.Cluster, previous *pks.ClusterSpec, exempt bool) error {
	plan, offered := e.plan(c.PlanID)
	return e.admitOn(ctx, tx, plan, offered, c, previous, exempt)
}

func (e *Engine) admitOn(ctx context.Context, tx store.Tx, plan pks.Plan, offered bool, c *pks.Cluster, previous *pks.ClusterSpec, exempt bool) error {
	if err := holdProfiles(ctx, tx, previous, c.Spec); err != nil {
		return err
	}
	before, next, err := machines(*c, previous, plan, offered)
	if err != nil {
		return err
	}
	if !exempt {
		if err := e.withinQuota(ctx, tx, *c, before, next); err != nil {
			return err
		}
	}
	c.Machines = next
	return nil
}

// holdProfiles keeps the profiles that the spec takes up from being deleted until
// the cluster is seen to use them.
func holdProfiles(ctx context.Context, tx store.Tx, previous *pks.ClusterSpec, spec pks.ClusterSpec) error {
	for _, kind := range pks.ProfileKinds() {
		p := spec.ProfileOf(kind)
		if p == nil || previous != nil && reflect.DeepEqual(previous.ProfileOf(kind), p) {
			continue
		}
		_, err := tx.HoldProfile(ctx, kind, p.Name)
		if err != nil && pks.AsFailure(err).Code == pks.CodeProfileNotFound {
			return pks.Failf(pks.CodeInvalidRequest, "%s: %s %q not found.", kind.Member(), kind.Noun(), pks.Shorten(p.Name)).
				WithRemedy("Leave the member out, or name a profile that exists.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// machines are what the cluster took before a change, none for a new one, and
// what it may take until the change is done.
func machines(c pks.Cluster, previous *pks.ClusterSpec, plan pks.Plan, offered bool) (before, next pks.Machines, err error) {
	if previous != nil {
		was := c
		was.Spec = *previous
		if before, err = committed(was, plan, offered); err != nil {
			return before, next, err
		}
	}
	if !offered {
		return before, before, nil // how many machines the plan asks for is not known
	}
	wanted, err := c.Spec.Machines(plan)
	if err != nil {
		return before, next, err
	}
	return before, before.During(wanted), nil
}

// committed are the machines that count against a quota: those that the cluster is
// to have, or what there is if it is more. That some are missing at the moment
// makes no room for others.
func committed(c pks.Cluster, plan pks.Plan, offered bool) (pks.Machines, error) {
	taken, err := c.Allocation(plan)
	if err != nil || !offered {
		return taken, err
	}
	wanted, err := c.Spec.Machines(plan)
	return taken.During(wanted), err
}

// withinQuota holds what a change adds against the quota of the cluster's owner,
// if there is one.
func (e *Engine) withinQuota(ctx context.Context, tx store.Tx, c pks.Cluster, before, next pks.Machines) error {
	quota, err := tx.LockQuota(ctx, c.Owner.Name)
	if err != nil {
		if pks.AsFailure(err).Code == pks.CodeQuotaNotFound {
			return nil
		}
		return err
	}
	if quota.LimitsSizes() && next.Count() > before.Count() && !next.SizesKnown() {
		return pks.Failf(pks.CodeQuotaExceeded, "The quota of %s limits CPUs and memory, but plan %s does not say how large its machines are.", quota.Owner, c.PlanName).
			WithRemedy("Ask the platform operator to give master_vm and worker_vm of the plan in the configuration of pks-api.")
	}
	clusters, err := tx.OwnedClusters(ctx, c.Owner.Name)
	if err != nil {
		return err
	}
	var use pks.Resources
	for _, other := range clusters {
		if other.ID == c.ID {
			continue
		}
		plan, offered := e.plan(other.PlanID)
		taken, err := committed(other, plan, offered)
		if err != nil {
			return fmt.Errorf("count what cluster %s takes: %w", other.Name, err)
		}
		use = use.Add(taken.Use())
	}
	var was pks.Resources
	if len(before.Groups) > 0 {
		was = before.Use()
	}
	return quota.Admit(use.Add(was), next.Use().Sub(was))
}

func (e *Engine) plan(id string) (pks.Plan, bool) {
	i := slices.IndexFunc(e.cfg.Plans, func(p pks.Plan) bool { return p.ID == id })
	if i < 0 {
		return pks.Plan{}, false
	}
	return e.cfg.Plans[i], true
}

// seen is what the cluster takes after an operation that succeeded: as many
// machines as BOSH tells of, as large as the operation's spec has them.
func (e *Engine) seen(c pks.Cluster, spec pks.ClusterSpec, counts map[string]int) pks.Machines {
	known := c.Machines
	if plan, offered := e.plan(c.PlanID); offered {
		if wanted, err := spec.Machines(plan); err == nil {
			known = wanted
		}
	}
	return known.Seen(counts)
}
