package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// Rollouts upgrades many clusters (lifecycle.Engine). To clients a rollout is a
// task.
type Rollouts interface {
	StartRollout(context.Context, lifecycle.RolloutRequest) (pks.Rollout, error)
	PauseRollout(context.Context, lifecycle.RolloutControl) (pks.Rollout, error)
	ResumeRollout(context.Context, lifecycle.RolloutControl) (pks.Rollout, error)
	CancelRollout(context.Context, lifecycle.RolloutControl) (pks.Rollout, error)
	Rollout(ctx context.Context, id string) (pks.Rollout, error)
	Rollouts(context.Context, store.RolloutFilter) ([]pks.Rollout, error)
}

const (
	defaultTasks = 10 // what the product's own command line asks for
	maxTasks     = 100
)

// listTasks answers GET /v1/tasks: all tasks, or the caller's own, newest first.
func (s *Server) listTasks(ctx context.Context, x *exchange) (answer, error) {
	limit := defaultTasks
	if text := x.request.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxTasks {
			return answer{}, pks.Failf(pks.CodeInvalidRequest, "limit is %q; it must be a number from 1 to %d.", pks.Shorten(text), maxTasks)
		}
	}
	filter := store.RolloutFilter{Limit: limit}
	if x.extent == own {
		filter.RequestedBy = &x.caller
	}
	rollouts, err := s.config.Rollouts.Rollouts(ctx, filter)
	if err != nil {
		return answer{}, err
	}
	documents := make([]v1.TaskInfo, 0, len(rollouts))
	for _, r := range rollouts {
		documents = append(documents, taskInfo(r))
	}
	return answer{http.StatusOK, documents}, nil
}

// getTask answers GET /v1/tasks/{task}.
func (s *Server) getTask(_ context.Context, x *exchange) (answer, error) {
	return answer{http.StatusOK, taskInfo(x.task)}, nil
}

// cancelTask answers PUT /v1/tasks/{task}, which means just that
// (reference/pks-api.md §13).
func (s *Server) cancelTask(ctx context.Context, x *exchange) (answer, error) {
	return s.controlTask(ctx, x, s.config.Rollouts.CancelRollout)
}

// pauseTask answers POST /v1/tasks/{task}/pause.
func (s *Server) pauseTask(ctx context.Context, x *exchange) (answer, error) {
	return s.controlTask(ctx, x, s.config.Rollouts.PauseRollout)
}

// resumeTask answers POST /v1/tasks/{task}/resume.
func (s *Server) resumeTask(ctx context.Context, x *exchange) (answer, error) {
	return s.controlTask(ctx, x, s.config.Rollouts.ResumeRollout)
}

func (s *Server) controlTask(ctx context.Context, x *exchange, do func(context.Context, lifecycle.RolloutControl) (pks.Rollout, error)) (answer, error) {
	rollout, err := do(ctx, lifecycle.RolloutControl{RolloutID: x.task.ID, By: x.caller, RequestID: x.requestID})
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, taskInfo(rollout)}, nil
}

func (s *Server) findTask(ctx context.Context, x *exchange) error {
	task, err := s.config.Rollouts.Rollout(ctx, pathValue(x.request, "task"))
	if err != nil {
		return err
	}
	if !x.mayReach(task.RequestedBy) {
		return notEnoughPrivileges()
	}
	x.task = task
	return nil
}

// taskInfo is a rollout as clients read it.
func taskInfo(r pks.Rollout) v1.TaskInfo {
	tally := r.Tally()
	task := v1.TaskInfo{
		UUID: r.ID, Type: v1.TaskUpgrade, Status: taskStatus(r),
		Clusters:  make([]v1.ClusterUpgradeInfo, 0, len(r.Clusters)),
		StartTime: epoch(r.StartedAt), EndTime: epoch(r.EndedAt), CreateTime: epoch(r.CreatedAt),
		Paused: r.State == pks.RolloutPaused, MaxInFlight: r.MaxInFlight, Force: r.Force, RequestedBy: r.RequestedBy.Name,
		KubernetesVersion: r.Target.Kubernetes, PKSVersion: r.Target.Product,
		Summary: v1.TaskSummary{
			Total: len(r.Clusters), Queued: tally.Queued, InProgress: tally.Running, Succeeded: tally.Succeeded,
			UpToDate: tally.UpToDate, Failed: tally.Failed, Deleted: tally.Gone, NotStarted: tally.LeftOut,
		},
	}
	for _, turn := range r.Clusters {
		task.Clusters = append(task.Clusters, upgradeInfo(turn))
	}
	return task
}

func taskStatus(r pks.Rollout) string {
	switch {
	case r.State == pks.RolloutCancelled:
		return v1.TaskCanceled
	case r.State == pks.RolloutDone:
		return v1.TaskDone
	case r.StartedAt.IsZero():
		return v1.TaskNotStarted
	default:
		return v1.TaskInProgress
	}
}

func upgradeInfo(turn pks.RolloutCluster) v1.ClusterUpgradeInfo {
	action, state, word := pks.ActionUpgrade, pks.ActionQueued, ""
	switch turn.State {
	case pks.TurnRunning:
		state = pks.ActionInProgress
	case pks.TurnSucceeded:
		state = pks.ActionSucceeded
	case pks.TurnFailed:
		state = pks.ActionFailed
	case pks.TurnUpToDate:
		state, word = pks.ActionSucceeded, v1.UpgradeUpToDate
	case pks.TurnGone:
		action, state, word = pks.ActionDelete, pks.ActionSucceeded, v1.UpgradeDeleted
	case pks.TurnLeftOut:
		word = v1.UpgradeNotStarted
	}
	if word == "" {
		word = string(state)
	}
	return v1.ClusterUpgradeInfo{
		ClusterName: turn.ClusterName, LastAction: string(action), LastActionState: string(state),
		StartTime: epoch(turn.StartedAt), EndTime: epoch(turn.EndedAt), IsCanary: turn.Canary,
		ClusterUUID: turn.ClusterID, State: word, Reason: turn.Reason, OperationID: turn.OperationID,
	}
}

// epoch is a time as task documents have it: seconds, 0 for none.
func epoch(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
