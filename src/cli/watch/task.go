package watch

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
)

// TaskAPI is what a watch of a task asks.
type TaskAPI interface {
	Task(ctx context.Context, id string) (apiclient.Answer[v1.TaskInfo], error)
}

// Task watches the upgrade of many clusters.
type Task struct {
	API TaskAPI
	ID  string
	// Began and Ended are called once for each cluster: when its turn comes, and
	// when it is over. A turn may end that never began.
	Began, Ended func(v1.ClusterUpgradeInfo)
	// Looked, if not nil, is called with each state of the task.
	Looked func(v1.TaskInfo)
	// Note tells what is not a step.
	Note func(text string)

	began, ended map[string]bool
}

// TaskDetachedError: watching a task ended before the task did, which goes on.
type TaskDetachedError struct {
	ID  string
	Err error // why: context.Canceled when the user wanted it
}

func (e *TaskDetachedError) Error() string { return fmt.Sprintf("the upgrade task %s goes on", e.ID) }
func (e *TaskDetachedError) Unwrap() error { return e.Err }

// Follow watches from a state of the task that was read already until enough says
// so, or until the task has ended. It returns the last state, and a
// *TaskDetachedError when watching ended before.
func (t *Task) Follow(ctx context.Context, first apiclient.Answer[v1.TaskInfo], enough func(v1.TaskInfo) bool) (apiclient.Answer[v1.TaskInfo], error) {
	t.began, t.ended = map[string]bool{}, map[string]bool{}
	last, fresh := first, true
	err := poll(ctx, t.Note, func(ctx context.Context) (bool, bool, error) {
		if !fresh {
			read, err := t.API.Task(ctx, t.ID)
			if err != nil {
				return false, false, err
			}
			last = read
		}
		fresh = false
		news := t.tell(last.Value)
		return news, TaskEnded(last.Value) || enough != nil && enough(last.Value), nil
	})
	if err != nil {
		return last, &TaskDetachedError{ID: t.ID, Err: err}
	}
	return last, nil
}

func (t *Task) tell(task v1.TaskInfo) (news bool) {
	if t.Looked != nil {
		t.Looked(task)
	}
	for _, turn := range task.Clusters {
		name, ended := turn.ClusterName, TurnEnded(task, turn)
		begun := ended && turn.OperationID != "" || turn.LastActionState == string(pks.ActionInProgress) ||
			ended && turn.State == "" && turn.StartTime != 0
		if begun && !t.began[name] {
			t.began[name], news = true, true
			t.Began(turn)
		}
		if ended && !t.ended[name] {
			t.ended[name], news = true, true
			t.Ended(turn)
		}
	}
	return news
}

// TaskEnded tells whether nothing of the task is at work or to come. A cancelled
// task may have clusters at work still.
func TaskEnded(task v1.TaskInfo) bool {
	switch task.Status {
	case v1.TaskDone:
		return true
	case v1.TaskCanceled:
		for _, turn := range task.Clusters {
			if turn.LastActionState == string(pks.ActionInProgress) {
				return false
			}
		}
		return true
	}
	return false
}

// TurnEnded tells whether a cluster's turn in the task is over.
func TurnEnded(task v1.TaskInfo, turn v1.ClusterUpgradeInfo) bool {
	switch turn.LastActionState {
	case string(pks.ActionSucceeded), string(pks.ActionFailed), "error":
		return true
	case string(pks.ActionInProgress):
		return false
	}
	return turn.State == v1.UpgradeNotStarted || task.Status == v1.TaskDone || task.Status == v1.TaskCanceled
}

// errNoTurn: the server's task is not about the cluster that was asked for.
var errNoTurn = errors.New("the task of the upgrade does not name the cluster")

// Turn finds a cluster in a task.
func Turn(task v1.TaskInfo, cluster string) (v1.ClusterUpgradeInfo, error) {
	for _, turn := range task.Clusters {
		if turn.ClusterName == cluster {
			return turn, nil
		}
	}
	return v1.ClusterUpgradeInfo{}, errNoTurn
}
