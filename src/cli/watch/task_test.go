package watch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/watch"
)

// taskScript answers with one state after another, and with the last for ever.
type taskScript struct {
	states []v1.TaskInfo
	errs   []error // in place of the first states
}

func (s *taskScript) Task(context.Context, string) (apiclient.Answer[v1.TaskInfo], error) {
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs = s.errs[1:]
		return apiclient.Answer[v1.TaskInfo]{}, err
	}
	state := s.states[0]
	if len(s.states) > 1 {
		s.states = s.states[1:]
	}
	return apiclient.Answer[v1.TaskInfo]{Value: state}, nil
}

func turn(name, state string) v1.ClusterUpgradeInfo {
	t := v1.ClusterUpgradeInfo{ClusterName: name, LastActionState: state, State: state}
	if state != "queued" {
		t.OperationID = "op"
	}
	return t
}

func rollout(status string, turns ...v1.ClusterUpgradeInfo) v1.TaskInfo {
	return v1.TaskInfo{UUID: "t", Status: status, Clusters: turns}
}

// follow tells what was said, in order.
func followTask(ctx context.Context, api *taskScript, first v1.TaskInfo) (said []string, last v1.TaskInfo, err error) {
	watcher := &watch.Task{
		API: api, ID: "t",
		Began: func(t v1.ClusterUpgradeInfo) { said = append(said, "began "+t.ClusterName) },
		Ended: func(t v1.ClusterUpgradeInfo) { said = append(said, "ended "+t.ClusterName+" "+t.State) },
		Note:  func(text string) { said = append(said, text) },
	}
	answer, err := watcher.Follow(ctx, apiclient.Answer[v1.TaskInfo]{Value: first}, nil)
	return said, answer.Value, err
}

func TestTasksAreFollowedToTheirEnd(t *testing.T) {
	t.Parallel()
	left := v1.ClusterUpgradeInfo{ClusterName: "c", LastActionState: "queued", State: v1.UpgradeNotStarted}
	for name, c := range map[string]struct {
		states []v1.TaskInfo
		want   []string
	}{
		"one after another": {
			[]v1.TaskInfo{
				rollout("in progress", turn("a", "in progress"), turn("b", "queued")),
				rollout("in progress", turn("a", "succeeded"), turn("b", "in progress")),
				rollout("done", turn("a", "succeeded"), turn("b", "failed")),
			},
			[]string{"began a", "ended a succeeded", "began b", "ended b failed"},
		},
		"between two looks": {
			[]v1.TaskInfo{rollout("in progress", turn("a", "queued")), rollout("done", turn("a", "succeeded"))},
			[]string{"began a", "ended a succeeded"},
		},
		"cancelled with one at work": {
			[]v1.TaskInfo{rollout("canceled", turn("a", "in progress"), left), rollout("canceled", turn("a", "succeeded"), left)},
			[]string{"began a", "ended c not started", "ended a succeeded"},
		},
		"servers of other makes": {
			[]v1.TaskInfo{
				rollout("not started", v1.ClusterUpgradeInfo{ClusterName: "a", LastActionState: "queued"}),
				rollout("done", v1.ClusterUpgradeInfo{ClusterName: "a", LastActionState: "succeeded", StartTime: 1}),
			},
			[]string{"began a", "ended a "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				said, last, err := followTask(t.Context(), &taskScript{states: c.states[1:]}, c.states[0])
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, said); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(c.states[len(c.states)-1], last); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestTasksOutliveTheirWatch(t *testing.T) {
	t.Parallel()
	busy := rollout("in progress", turn("a", "in progress"))
	synctest.Test(t, func(t *testing.T) {
		away := &apiclient.UnreachableError{URL: "https://a", Trouble: apiclient.TroubleConnection, Err: errors.New("refused")}
		said, _, err := followTask(t.Context(), &taskScript{errs: []error{away, away}, states: []v1.TaskInfo{rollout("done", turn("a", "succeeded"))}}, busy)
		want := []string{"began a", "The API does not answer; the operation goes on, and so does the watch.", "ended a succeeded"}
		if diff := cmp.Diff(want, said); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		gone := &apiclient.Error{Status: 404, Body: "no"}
		_, _, err := followTask(t.Context(), &taskScript{errs: []error{gone}}, busy)
		if detached, ok := errors.AsType[*watch.TaskDetachedError](err); !ok || detached.ID != "t" || !errors.Is(err, error(gone)) {
			t.Errorf("the error is %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := followTask(ctx, &taskScript{states: []v1.TaskInfo{busy}}, busy); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	})
}
