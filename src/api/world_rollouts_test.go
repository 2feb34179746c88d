package api_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

var _ api.Rollouts = (*world)(nil)

// codysTask is the rollout that every world has, of cody's.
const codysTask = "5f0c8e6e-0000-4000-8000-000000000001"

func codysRollout() pks.Rollout {
	at := time.Unix(1_795_000_000, 0).UTC()
	r := pks.Rollout{
		ID: codysTask, RequestedBy: cody, Target: pks.Versions{Kubernetes: "1.34.2", Product: "1.0.0-dev"},
		MaxInFlight: 2, State: pks.RolloutActive, CreatedAt: at, StartedAt: at.Add(time.Second),
	}
	for i, state := range []pks.TurnState{
		pks.TurnSucceeded, pks.TurnRunning, pks.TurnQueued, pks.TurnFailed, pks.TurnUpToDate, pks.TurnGone, pks.TurnLeftOut,
	} {
		turn := pks.RolloutCluster{RolloutID: r.ID, Position: i, ClusterID: fmt.Sprint("id-", i), ClusterName: fmt.Sprint("c", i), Canary: i == 0, State: state}
		if state != pks.TurnQueued {
			turn.StartedAt, turn.OperationID = at.Add(time.Minute), fmt.Sprint("op-", i)
		}
		if state.Settled() {
			turn.EndedAt = at.Add(time.Hour)
		}
		if state == pks.TurnFailed {
			turn.Reason = "Instance upgrade failed: it broke"
		}
		r.Clusters = append(r.Clusters, turn)
	}
	return r
}

func (w *world) StartRollout(_ context.Context, req lifecycle.RolloutRequest) (pks.Rollout, error) {
	w.ask("upgrade", req.By, req.RequestID)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failNext; err != nil {
		return pks.Rollout{}, err
	}
	w.started = append(w.started, req)
	w.next++
	r := pks.Rollout{
		ID: fmt.Sprintf("5f0c8e6e-0000-4000-8000-%012d", w.next+1), RequestedBy: req.By, MaxInFlight: req.MaxInFlight, Force: req.Force,
		State: pks.RolloutActive, CreatedAt: time.Unix(1_795_000_000, 0).UTC(),
	}
	for i, c := range req.Clusters {
		r.Clusters = append(r.Clusters, pks.RolloutCluster{Position: i, ClusterID: c.ID, ClusterName: c.Name, Canary: i < req.Canaries, State: pks.TurnQueued})
	}
	w.rollouts = append([]pks.Rollout{r}, w.rollouts...)
	w.changes++
	return r, nil
}

func (w *world) control(req lifecycle.RolloutControl, verb string, state pks.RolloutState) (pks.Rollout, error) {
	w.ask(verb, req.By, req.RequestID)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failNext; err != nil {
		return pks.Rollout{}, err
	}
	i := slices.IndexFunc(w.rollouts, func(r pks.Rollout) bool { return r.ID == req.RolloutID })
	w.rollouts[i].State = state
	w.changes++
	return w.rollouts[i], nil
}

func (w *world) PauseRollout(_ context.Context, req lifecycle.RolloutControl) (pks.Rollout, error) {
	return w.control(req, "pause", pks.RolloutPaused)
}

func (w *world) ResumeRollout(_ context.Context, req lifecycle.RolloutControl) (pks.Rollout, error) {
	return w.control(req, "resume", pks.RolloutActive)
}

func (w *world) CancelRollout(_ context.Context, req lifecycle.RolloutControl) (pks.Rollout, error) {
	return w.control(req, "cancel", pks.RolloutCancelled)
}

func (w *world) Rollout(_ context.Context, id string) (pks.Rollout, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rollouts {
		if r.ID == id {
			return r, w.down
		}
	}
	return pks.Rollout{}, pks.Failf(pks.CodeTaskNotFound, "Task %s not found.", id)
}

func (w *world) Rollouts(_ context.Context, filter store.RolloutFilter) ([]pks.Rollout, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []pks.Rollout
	for _, r := range w.rollouts {
		if (filter.RequestedBy == nil || filter.RequestedBy.Same(r.RequestedBy)) && len(found) < filter.Limit {
			found = append(found, r)
		}
	}
	return found, w.down
}
