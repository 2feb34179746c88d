package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	// A change shows soon, and an operation of half an hour is not asked about
	// more often than needed.
	shortestPause = 500 * time.Millisecond
	longestPause  = 5 * time.Second

	// outage is how long the API may be away, for a restart or an upgrade of it.
	outage = 5 * time.Minute

	// staleReads is how often a read may show the action before this one
	// (reference/pks-api.md §5.4).
	staleReads = 3

	pageSize = 500
)

// API is what a follower asks.
type API interface {
	Cluster(ctx context.Context, name string) (apiclient.Answer[v1.Cluster], error)
	Events(ctx context.Context, name string, after int64, limit int) (apiclient.Answer[[]v1.Event], error)
}

// Follower watches one operation of one cluster.
type Follower struct {
	API      API
	Name     string
	Action   pks.Action
	Progress func() console.Progress // begins the display, when Follow does
	// Operation, if not empty, is the only one whose events are shown.
	Operation string

	progress  console.Progress
	uuid      string
	after     int64 // number of the last event seen
	noEvents  bool  // the server has none
	detail    string
	last      apiclient.Answer[v1.Cluster]
	lastState string
	stale     int
}

// Mark takes note of where the cluster stands before its operation is asked for,
// so that what happened earlier is not shown again.
func (f *Follower) Mark(ctx context.Context) error {
	cluster, err := f.API.Cluster(ctx, f.Name)
	if err != nil {
		return err
	}
	f.uuid, f.last = cluster.Value.UUID, cluster
	for !f.noEvents {
		before := f.after
		if _, err := f.events(ctx); err != nil {
			return err
		}
		if f.after == before {
			break
		}
	}
	return nil
}

// Follow shows the operation until it ends. It returns a *FailedError when the
// operation failed, and a *DetachedError when watching did.
func (f *Follower) Follow(ctx context.Context) (Outcome, error) {
	f.progress = f.Progress()
	outcome, err := f.follow(ctx)
	_, failed := errors.AsType[*FailedError](err)
	f.progress.Close(err == nil)
	if err != nil && !failed {
		return outcome, &DetachedError{Name: f.Name, Action: f.Action, Err: err}
	}
	return outcome, err
}

func (f *Follower) follow(ctx context.Context) (Outcome, error) {
	var outcome Outcome
	err := poll(ctx, f.progress.Note, func(ctx context.Context) (bool, bool, error) {
		news, end, err := f.look(ctx)
		if end != nil {
			outcome = *end
		}
		return news, end != nil, err
	})
	return outcome, err
}

// look reads the cluster first and the events then: once the cluster's state is
// final, the events read after it are complete.
func (f *Follower) look(ctx context.Context) (news bool, end *Outcome, err error) {
	cluster, err := f.API.Cluster(ctx, f.Name)
	if refusal, ok := errors.AsType[*apiclient.Error](err); ok && refusal.IsNotFound() {
		if f.Action == pks.ActionDelete {
			return true, &Outcome{Cluster: f.last, Gone: true}, nil
		}
		return false, nil, err
	}
	if err != nil {
		return false, nil, err
	}
	if f.uuid != "" && cluster.Value.UUID != f.uuid {
		// Another cluster has the name by now: this one is gone.
		if f.Action == pks.ActionDelete {
			return true, &Outcome{Cluster: f.last, Gone: true}, nil
		}
		return false, nil, ErrSuperseded
	}
	f.uuid, f.last = cluster.Value.UUID, cluster
	if op := cluster.Value.Operation; op != nil && op.ExpectedEnd != "" {
		if end, err := time.Parse(time.RFC3339, op.ExpectedEnd); err == nil {
			f.progress.Show(console.Step{End: end})
		}
	}
	if !strings.EqualFold(cluster.Value.LastAction, string(f.Action)) {
		if f.stale++; f.stale > staleReads {
			return false, nil, ErrSuperseded
		}
		return false, nil, nil
	}
	for {
		more, err := f.events(ctx)
		if err != nil {
			return news, nil, err
		}
		f.show(more)
		news = news || len(more) > 0
		if len(more) == 0 {
			break
		}
	}
	return f.judge(news)
}

// judge says whether the state that was read is final.
func (f *Follower) judge(news bool) (bool, *Outcome, error) {
	cluster := f.last.Value
	if f.noEvents {
		line := fmt.Sprintf("%s: %s", cluster.LastActionState, cluster.LastActionDescription)
		if line != f.lastState {
			f.lastState, news = line, true
			f.progress.Show(console.Step{Line: cluster.LastActionDescription})
		}
	}
	switch pks.ActionState(cluster.LastActionState) {
	case pks.ActionSucceeded:
		return news, &Outcome{Cluster: f.last}, nil
	case pks.ActionFailed, "error":
		return news, nil, &FailedError{Cluster: cluster, Detail: f.detail}
	default:
		return news, nil, nil
	}
}

// events reads a page and moves on behind it.
func (f *Follower) events(ctx context.Context) ([]v1.Event, error) {
	if f.noEvents {
		return nil, nil
	}
	page, err := f.API.Events(ctx, f.Name, f.after, pageSize)
	if refusal, ok := errors.AsType[*apiclient.Error](err); ok && (refusal.Status == http.StatusNotFound || refusal.Status == http.StatusMethodNotAllowed) {
		// The cluster was there a moment ago. If it has gone since, the next look
		// tells; so it is the path that is missing, unless the server says otherwise.
		f.noEvents = refusal.Code != pks.CodeClusterNotFound
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	fresh := page.Value[:0]
	for _, event := range page.Value {
		if event.Seq > f.after {
			f.after = event.Seq
			fresh = append(fresh, event)
		}
	}
	return fresh, nil
}

func (f *Follower) show(events []v1.Event) {
	for _, event := range events {
		if f.Operation != "" && event.OperationID != f.Operation {
			continue
		}
		if event.State == "failed" && event.Stage != "" {
			f.detail = event.Message
		}
		f.progress.Show(step(event))
	}
}

// passing tells whether trying again may help.
func passing(err error) bool {
	if _, ok := errors.AsType[*apiclient.UnreachableError](err); ok {
		return true
	}
	refusal, ok := errors.AsType[*apiclient.Error](err)
	return ok && (refusal.Status >= http.StatusInternalServerError || refusal.Status == http.StatusTooManyRequests)
}
