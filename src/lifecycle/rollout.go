package lifecycle

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// RolloutRequest asks for the upgrade of clusters, as they were read just now, in
// the order of their turns.
type RolloutRequest struct {
	Clusters []pks.Cluster
	// Canaries is how many of them, from the first on, are canaries.
	Canaries int
	// All: nobody named the clusters one by one. Those that cannot be upgraded do
	// not stand in the way of the others; their turns tell.
	All         bool
	MaxInFlight int
	Force       bool
	// NodesParallel: see pks.Rollout.
	NodesParallel int
	By            pks.Principal
	RequestID     string
	// MayJoin tells whether the rollout of somebody else may be the answer; nil
	// lets only the caller's own be.
	MayJoin func(pks.Rollout) bool
}

// StartRollout stores a rollout, begins with it, and returns it when that is
// durable. Asked for again while it goes on, it is joined: the answer is the one
// there is. Its failures are cluster_not_ready, operation_in_progress for a
// cluster that is being deleted, upgrade_impossible and store_unavailable.
func (e *Engine) StartRollout(ctx context.Context, req RolloutRequest) (pks.Rollout, error) {
	if !req.All {
		if err := e.refuseTurns(req); err != nil {
			return pks.Rollout{}, err
		}
	}
	rollout := e.newRollout(req)
	joined := false
	var began []pks.Operation
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		known, err := tx.LockRollouts(ctx)
		if err != nil {
			return err
		}
		for _, other := range known {
			if req.joins(other, rollout) {
				rollout, joined = other, true
				return nil
			}
		}
		if err := tx.InsertRollout(ctx, rollout); err != nil {
			return err
		}
		began, err = e.advance(ctx, tx, rollout, nil)
		return err
	})
	if err != nil {
		return pks.Rollout{}, err
	}
	if joined {
		e.log.InfoContext(ctx, "Rollout joined", "rollout", rollout.ID, "by", req.By.Name, "request_id", req.RequestID)
	} else {
		e.log.InfoContext(ctx, "Rollout accepted", "rollout", rollout.ID, "clusters", len(rollout.Clusters),
			"canaries", req.Canaries, "max_in_flight", req.MaxInFlight, "by", req.By.Name, "request_id", req.RequestID)
	}
	e.began(ctx, began)
	return e.store.Rollout(ctx, rollout.ID)
}

// newRollout gives clusters that are at the target no turn: there is nothing to
// do about them, however many they are.
func (e *Engine) newRollout(req RolloutRequest) pks.Rollout {
	now := e.now()
	r := pks.Rollout{
		ID: uuid.NewString(), RequestedBy: req.By, RequestID: req.RequestID, Target: e.cfg.Target,
		MaxInFlight: req.MaxInFlight, NodesParallel: req.NodesParallel, Force: req.Force, State: pks.RolloutActive, CreatedAt: now,
		Clusters: make([]pks.RolloutCluster, len(req.Clusters)),
	}
	for i, c := range req.Clusters {
		turn := pks.RolloutCluster{
			RolloutID: r.ID, Position: i, ClusterID: c.ID, ClusterName: c.Name, Canary: i < req.Canaries, State: pks.TurnQueued,
		}
		if e.upToDate(c, req.Force) {
			turn.State, turn.StartedAt, turn.EndedAt = pks.TurnUpToDate, now, now
			r.StartedAt = now
		}
		r.Clusters[i] = turn
	}
	return r
}

func (e *Engine) upToDate(c pks.Cluster, force bool) bool {
	return !force && c.Versions() == e.cfg.Target
}

// refuseTurns turns down a request that names a cluster which cannot have a turn.
func (e *Engine) refuseTurns(req RolloutRequest) error {
	for _, c := range req.Clusters {
		if c.Busy() && c.LastAction == pks.ActionDelete {
			return store.InProgress(c.Name, c.LastAction, c.OperationID)
		}
		if e.upToDate(c, req.Force) {
			continue
		}
		if err := e.upgradable(c); err != nil {
			return err
		}
	}
	return nil
}

// upgradable says why a cluster cannot be upgraded, were it idle.
func (e *Engine) upgradable(c pks.Cluster) error {
	if c.ReadyAt.IsZero() && !c.Busy() {
		return notReady(c)
	}
	if err := c.Versions().CheckUpgrade(e.cfg.Target); err != nil {
		return pks.Failf(pks.CodeUpgradeImpossible, "Cluster %s cannot be upgraded: %s.", c.Name, err)
	}
	return nil
}

// joins tells whether a rollout that goes on does what a new one would: all that
// the new one has to do is done or still to come there, or it is for the very
// same clusters.
func (req RolloutRequest) joins(other, wanted pks.Rollout) bool {
	if other.State == pks.RolloutCancelled || other.Force != wanted.Force || other.NodesParallel != wanted.NodesParallel {
		return false
	}
	if !other.RequestedBy.Same(req.By) && (req.MayJoin == nil || !req.MayJoin(other)) {
		return false
	}
	turns := make(map[string]pks.TurnState, len(other.Clusters))
	for _, c := range other.Clusters {
		turns[c.ClusterID] = c.State
	}
	same, covered, needed := len(turns) == len(wanted.Clusters), true, 0
	for _, c := range wanted.Clusters {
		state, known := turns[c.ClusterID]
		same = same && known
		if c.State != pks.TurnQueued {
			continue
		}
		needed++
		switch state {
		case pks.TurnQueued, pks.TurnRunning, pks.TurnSucceeded, pks.TurnUpToDate:
		default:
			covered = false
		}
	}
	return same || covered && needed > 0
}

// Rollout finds a rollout by its id, its clusters with it.
func (e *Engine) Rollout(ctx context.Context, id string) (pks.Rollout, error) {
	return e.store.Rollout(ctx, id)
}

// Rollouts lists rollouts, newest first.
func (e *Engine) Rollouts(ctx context.Context, filter store.RolloutFilter) ([]pks.Rollout, error) {
	return e.store.Rollouts(ctx, filter)
}

// resumeRollouts has every rollout that has not ended looked at once: it costs
// next to nothing, and finds what a restored database may have lost.
func (e *Engine) resumeRollouts(ctx context.Context) error {
	unended, err := e.store.Rollouts(ctx, store.RolloutFilter{Unended: true})
	if err != nil || len(unended) == 0 {
		return err
	}
	return e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for _, r := range unended {
			if err := e.enqueueRollout(ctx, tx, r.ID); err != nil {
				return fmt.Errorf("resume rollout %s: %w", r.ID, err)
			}
		}
		return nil
	})
}
