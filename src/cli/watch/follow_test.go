package watch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/watch"
	"github.com/pks-community/pks-release/src/pks"
)

// answer is what the API says at one look.
type answer struct {
	cluster v1.Cluster
	err     error
	events  []v1.Event // that have happened by then
	noEvent error      // what the events path answers instead
}

// api gives its answers one after another, the last one for ever.
type api struct {
	answers []answer
	looks   int
	now     answer
}

func (a *api) Cluster(context.Context, string) (apiclient.Answer[v1.Cluster], error) {
	a.now = a.answers[min(a.looks, len(a.answers)-1)]
	a.looks++
	return apiclient.Answer[v1.Cluster]{Value: a.now.cluster}, a.now.err
}

func (a *api) Events(_ context.Context, _ string, after int64, _ int) (apiclient.Answer[[]v1.Event], error) {
	var page []v1.Event
	for _, e := range a.now.events {
		if e.Seq > after && len(page) < 2 { // the server's pages are small
			page = append(page, e)
		}
	}
	return apiclient.Answer[[]v1.Event]{Value: page}, a.now.noEvent
}

// display writes down what is shown.
type display struct{ shown []string }

func (d *display) Show(s console.Step) { d.shown = append(d.shown, s.Line) }
func (d *display) Note(text string)    { d.shown = append(d.shown, "note: "+text) }
func (d *display) Close(full bool)     { d.shown = append(d.shown, fmt.Sprintf("close %t", full)) }

func state(action pks.Action, state pks.ActionState) v1.Cluster {
	return v1.Cluster{Name: "demo", UUID: "u-1", LastAction: string(action), LastActionState: string(state), LastActionDescription: fmt.Sprintf("%s %s", action, state)}
}

func events(from, to int64) []v1.Event {
	var all []v1.Event
	for seq := from; seq <= to; seq++ {
		all = append(all, v1.Event{Seq: seq, State: "finished", Message: fmt.Sprintf("event %d", seq)})
	}
	return all
}

var (
	unreachable = &apiclient.UnreachableError{URL: "https://api", Trouble: apiclient.TroubleConnection, Err: errors.New("refused")}
	notFound    = &apiclient.Error{Status: 404, Body: "Cluster demo not found", Code: pks.CodeClusterNotFound}
	noRoute     = &apiclient.Error{Status: 404, Body: "Not Found"}
	errExpired  = errors.New("log in")
)

func TestFollow(t *testing.T) {
	t.Parallel()
	const lost = "note: The API does not answer; the operation goes on, and so does the watch."
	early := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Local().Format(time.TimeOnly)
	creating, created := state(pks.ActionCreate, pks.ActionInProgress), state(pks.ActionCreate, pks.ActionSucceeded)
	other := created
	other.UUID = "u-2"
	for name, c := range map[string]struct {
		action  pks.Action
		answers []answer
		want    []string
		gone    bool
		err     error // what the error wraps
		failed  string
	}{
		"to success": {
			action: pks.ActionCreate,
			answers: []answer{
				{cluster: creating, events: events(1, 1)}, {cluster: creating, events: events(1, 1)},
				{cluster: created, events: events(1, 6)},
			},
			want: []string{"event 1", "event 2", "event 3", "event 4", "event 5", "event 6", "close true"},
		},
		"to failure": {
			action: pks.ActionCreate,
			answers: []answer{{cluster: state(pks.ActionCreate, pks.ActionFailed), events: []v1.Event{
				{Seq: 1, Stage: "Creating missing vms", State: "in_progress", Message: "half way", Time: "2026-01-02T03:04:05Z"},
				{Seq: 2, Stage: "Creating missing vms", State: "failed", Message: "no disk", Time: "2026-01-02T03:04:05Z"},
				{Seq: 3, State: "failed", Message: "CREATE failed", Time: "2026-01-02T03:04:06Z"},
			}}},
			want:   []string{early + " half way", early + " no disk", "", "close false"},
			failed: "no disk",
		},
		"through an outage": {
			action:  pks.ActionCreate,
			answers: []answer{{cluster: creating}, {err: unreachable}, {err: &apiclient.Error{Status: 503}}, {err: &apiclient.Error{Status: 429}}, {cluster: creating, noEvent: unreachable}, {cluster: created}},
			want:    []string{lost, "close true"},
		},
		"not through an outage without end": {
			action:  pks.ActionCreate,
			answers: []answer{{cluster: creating}, {err: unreachable}},
			want:    []string{lost, "close false"},
			err:     unreachable,
		},
		"not without a session": {
			action:  pks.ActionCreate,
			answers: []answer{{cluster: creating}, {err: errExpired}},
			want:    []string{"close false"},
			err:     errExpired,
		},
		"without events": {
			action:  pks.ActionCreate,
			answers: []answer{{cluster: creating, noEvent: noRoute}, {cluster: creating, noEvent: noRoute}, {cluster: created, noEvent: noRoute}},
			want:    []string{"CREATE in progress", "CREATE succeeded", "close true"},
		},
		"past stale reads": {
			action:  pks.ActionUpdate,
			answers: []answer{{cluster: created}, {cluster: created}, {cluster: state(pks.ActionUpdate, pks.ActionSucceeded)}},
			want:    []string{"close true"},
		},
		"not another operation": {
			action:  pks.ActionUpdate,
			answers: []answer{{cluster: state(pks.ActionDelete, pks.ActionInProgress)}},
			want:    []string{"close false"},
			err:     watch.ErrSuperseded,
		},
		"until it is gone": {
			action:  pks.ActionDelete,
			answers: []answer{{cluster: state(pks.ActionDelete, pks.ActionInProgress), events: events(1, 1)}, {err: notFound}},
			want:    []string{"event 1", "close true"},
			gone:    true,
		},
		"until it is gone between two calls": {
			action:  pks.ActionDelete,
			answers: []answer{{cluster: state(pks.ActionDelete, pks.ActionInProgress), noEvent: notFound}, {err: notFound}},
			want:    []string{"close true"},
			gone:    true,
		},
		"until another has its name": {
			action:  pks.ActionDelete,
			answers: []answer{{cluster: state(pks.ActionDelete, pks.ActionInProgress)}, {cluster: other}},
			want:    []string{"close true"},
			gone:    true,
		},
		"not when somebody deletes it": {
			action:  pks.ActionCreate,
			answers: []answer{{cluster: creating}, {err: notFound}},
			want:    []string{"close false"},
			err:     notFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &display{}
				f := watch.Follower{API: &api{answers: c.answers}, Name: "demo", Action: c.action, Progress: func() console.Progress { return d }}
				outcome, err := f.Follow(t.Context())
				if diff := cmp.Diff(c.want, d.shown); diff != "" {
					t.Error(diff)
				}
				if outcome.Gone != c.gone {
					t.Errorf("gone is %t", outcome.Gone)
				}
				failure, failed := errors.AsType[*watch.FailedError](err)
				detached, left := errors.AsType[*watch.DetachedError](err)
				switch {
				case c.failed != "":
					if !failed || failure.Detail != c.failed || failure.Error() != "CREATE failed" {
						t.Errorf("the error is %#v", err)
					}
				case c.err != nil:
					if !left || !errors.Is(detached.Err, c.err) {
						t.Errorf("the error is %#v, want one because of %v", err, c.err)
					}
				case err != nil:
					t.Error(err)
				}
			})
		})
	}
}

func TestMarkedEventsAreNotShownAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &display{}
		server := &api{answers: []answer{
			{cluster: state(pks.ActionCreate, pks.ActionSucceeded), events: events(1, 5)},
			{cluster: state(pks.ActionUpdate, pks.ActionSucceeded), events: events(1, 7)},
		}}
		f := watch.Follower{API: server, Name: "demo", Action: pks.ActionUpdate, Progress: func() console.Progress { return d }}
		if err := f.Mark(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"event 6", "event 7", "close true"}, d.shown); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMarkTellsThatThereIsNoSuchCluster(t *testing.T) {
	t.Parallel()
	f := watch.Follower{API: &api{answers: []answer{{err: notFound}}}, Name: "demo"}
	if err := f.Mark(t.Context()); !errors.Is(err, notFound) {
		t.Errorf("the error is %v", err)
	}
}

// A quiet operation is asked about ever less often, down to once in 5 seconds.
func TestQuietOperationsAreLeftInPeace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &api{answers: []answer{{cluster: state(pks.ActionCreate, pks.ActionInProgress)}}}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
		defer cancel()
		f := watch.Follower{API: server, Name: "demo", Action: pks.ActionCreate, Progress: func() console.Progress { return &display{} }}
		_, err := f.Follow(ctx)
		if detached, ok := errors.AsType[*watch.DetachedError](err); !ok || !errors.Is(detached, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
		if server.looks < 360 || server.looks > 375 {
			t.Errorf("%d looks in 30 minutes", server.looks)
		}
	})
}

// ends is a display that writes down when the operation is expected to end.
type ends struct{ shown []time.Time }

func (e *ends) Show(s console.Step) {
	if !s.End.IsZero() {
		e.shown = append(e.shown, s.End)
	}
}
func (e *ends) Note(string) {}
func (e *ends) Close(bool)  {}

func TestExpectedEndIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		creating := state(pks.ActionCreate, pks.ActionInProgress)
		creating.Operation = &v1.Operation{ExpectedEnd: "2026-01-02T03:04:05Z"}
		nonsense := creating
		nonsense.Operation = &v1.Operation{ExpectedEnd: "soon"}
		d := &ends{}
		f := watch.Follower{
			API:  &api{answers: []answer{{cluster: creating}, {cluster: nonsense}, {cluster: state(pks.ActionCreate, pks.ActionSucceeded)}}},
			Name: "demo", Action: pks.ActionCreate, Progress: func() console.Progress { return d },
		}
		if _, err := f.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]time.Time{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, d.shown); diff != "" {
			t.Error(diff)
		}
	})
}
