package lifecycle

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// assassin kills an engine at one of its durable boundaries: before and after
// each call of the broker, before and after each commit. What the disk holds at
// that moment is copied; from then on the engine reaches neither disk nor broker.
type assassin struct {
	at       int // which boundary; 0 for none
	snapshot func() error

	mu     sync.Mutex
	passed []string
	dead   chan struct{}
	err    error
}

var errKilled = errors.New("killed")

func newAssassin(at int, database, copied string) *assassin {
	return &assassin{at: at, dead: make(chan struct{}), snapshot: func() error {
		db, err := sql.Open("sqlite", "file:"+database)
		if err != nil {
			return err
		}
		_, err = db.Exec("VACUUM INTO ?", copied)
		return errors.Join(err, db.Close())
	}}
}

func (a *assassin) pass(boundary string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.dead:
		return errKilled
	default:
	}
	a.passed = append(a.passed, boundary)
	if len(a.passed) != a.at {
		return nil
	}
	a.err = a.snapshot()
	close(a.dead)
	return errKilled
}

func (a *assassin) killed() bool {
	select {
	case <-a.dead:
		return true
	default:
		return false
	}
}

// mortalStore is the disk of an engine that will be killed.
type mortalStore struct {
	store.Store
	*assassin
}

func (s mortalStore) Write(ctx context.Context, change func(context.Context, store.Tx) error) error {
	err := s.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		return s.pass("before commit")
	})
	if err != nil {
		return err
	}
	return s.pass("after commit")
}

// mortalBroker is the broker of an engine that will be killed: what is asked may
// have its effect while the answer is lost.
type mortalBroker struct {
	Broker
	*assassin
}

func mortally[T any](a *assassin, call string, do func() (T, error)) (T, error) {
	var none T
	if err := a.pass("before " + call); err != nil {
		return none, err
	}
	answer, err := do()
	if killed := a.pass("after " + call); killed != nil {
		return none, killed
	}
	return answer, err
}

func (b mortalBroker) Provision(ctx context.Context, in osb.Instance) (osb.Submission, error) {
	return mortally(b.assassin, "provision", func() (osb.Submission, error) { return b.Broker.Provision(ctx, in) })
}

func (b mortalBroker) Update(ctx context.Context, in osb.Instance) (osb.Submission, error) {
	return mortally(b.assassin, "update", func() (osb.Submission, error) { return b.Broker.Update(ctx, in) })
}

func (b mortalBroker) Deprovision(ctx context.Context, in osb.Instance) (osb.Submission, error) {
	return mortally(b.assassin, "deprovision", func() (osb.Submission, error) { return b.Broker.Deprovision(ctx, in) })
}

func (b mortalBroker) LastOperation(ctx context.Context, in osb.Instance, op string) (osb.LastOperation, error) {
	return mortally(b.assassin, "last operation", func() (osb.LastOperation, error) { return b.Broker.LastOperation(ctx, in, op) })
}

func (b mortalBroker) Progress(ctx context.Context, id, op string, offset int64) (osb.Progress, error) {
	return mortally(b.assassin, "progress", func() (osb.Progress, error) { return b.Broker.Progress(ctx, id, op, offset) })
}

func (b mortalBroker) Cancel(ctx context.Context, id, requestID string) (osb.Cancelled, error) {
	return mortally(b.assassin, "cancel", func() (osb.Cancelled, error) { return b.Broker.Cancel(ctx, id, requestID) })
}

func (b mortalBroker) VMs(ctx context.Context, id string) (osb.VMs, error) {
	return mortally(b.assassin, "vms", func() (osb.VMs, error) { return b.Broker.VMs(ctx, id) })
}

func (b mortalBroker) Bind(ctx context.Context, in osb.Binding) (json.RawMessage, error) {
	return mortally(b.assassin, "bind", func() (json.RawMessage, error) { return b.Broker.Bind(ctx, in) })
}

// ending is what a run leaves behind, without what differs from run to run.
type ending struct {
	Found       bool
	State       pks.ActionState
	Description string
	Workers     int
	Masters     int
	Effective   []string
	Events      []string
	Operations  []pks.OperationState
}

func endingOf(t *testing.T, s store.Store, b *fakeBroker, clusterID string) ending {
	t.Helper()
	end := ending{Effective: b.effective()}
	c, err := s.ClusterByID(t.Context(), clusterID)
	switch {
	case err == nil:
		end.Found, end.State, end.Description = true, c.LastActionState, c.LastActionDescription
		end.Workers, end.Masters = c.Spec.WorkerInstances, len(c.MasterIPs)
	case pks.AsFailure(err).Code != pks.CodeClusterNotFound:
		t.Fatal(err)
	}
	events, err := s.Events(t.Context(), clusterID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		end.Events = append(end.Events, fmt.Sprint(e.Seq, " ", e.Percent, " ", e.Message))
	}
	operations, err := s.Operations(t.Context(), clusterID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range operations {
		end.Operations = append(end.Operations, op.State)
	}
	return end
}

// story is a change whose run is cut short at every boundary.
type story struct {
	prepare bool // begin with a cluster that is there
	request func(ctx context.Context, e *Engine, id string) (pks.Cluster, error)
	// cancel is where a cancel leaves the deployment whose task does not end by
	// itself; empty: the story has none.
	cancel string
	// rounded: percents are of a part of the operation, and how they are rounded
	// depends on how many events come at once.
	rounded bool
}

// comparable leaves out what may differ between runs.
func (st story) comparable(e ending) ending {
	if !st.rounded {
		return e
	}
	events := make([]string, len(e.Events))
	for i, event := range e.Events {
		events[i] = percents.ReplaceAllString(event, "$1")
	}
	e.Events = events
	return e
}

var percents = regexp.MustCompile(`(^[0-9]+ )[0-9]+ |, [0-9]+ %`)

// run plays a story, killing the engine at the boundary, and returns how it ends
// and how many boundaries there were.
func (st story) run(t *testing.T, at int) (ending, int) {
	b := newFakeBroker()
	folder := t.TempDir()
	path, copied := filepath.Join(folder, "first.db"), filepath.Join(folder, "second.db")
	first := openAt(t, path)
	clusterID := ""
	if st.prepare {
		e := newEngine(t, first, b)
		clusterID = mustCreate(t, e, "demo").ID
		stepUntilSettled(t, e, clusterID)
		if _, err := first.Queue().DB.ExecContext(t.Context(), "DELETE FROM river_job"); err != nil {
			t.Fatal(err)
		}
	}
	killer := newAssassin(at, path, copied)
	e := st.engine(t, mortalStore{first, killer}, mortalBroker{b, killer})
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st.cancel != "" {
		b.hold(st.cancel)
	}
	requested, requestErr := st.request(t.Context(), e, clusterID)
	if requestErr == nil {
		requestErr = st.end(t.Context(), e, requested, killer.dead)
	}
	current, live := store.Store(first), e
	if at > 0 && st.cancel != "" && requestErr == nil {
		// Two jobs look at what is being cancelled, or one: there may be fewer
		// boundaries this time.
		waitFor(t, first, requested.OperationID, func(op pks.Operation) bool { return op.State.Settled() || killer.killed() })
	} else if at > 0 {
		<-killer.dead
	}
	if at > 0 {
		stop(t, e)
	}
	if killer.killed() {
		if killer.err != nil {
			t.Fatal(killer.err)
		}
		second := openAt(t, copied)
		live = st.engine(t, second, b)
		if err := live.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		current = second
	}
	if requestErr != nil {
		// Not acknowledged: the user looks, and asks again if nothing happened.
		requested = latest(t, current, clusterID)
		if !requested.Busy() && (st.cancel == "" || requested.LastActionState != pks.ActionFailed) {
			var err error
			if requested, err = st.request(t.Context(), live, clusterID); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.end(t.Context(), live, requested, nil); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, current, requested.OperationID, isSettled)
	end := endingOf(t, current, b, requested.ID)
	if at == 0 || live != e {
		stop(t, live)
	}
	return end, len(killer.passed)
}

// engine looks once, and then not again for long, at what is to be cancelled: how
// often would differ from run to run.
func (st story) engine(t *testing.T, s store.Store, b Broker) *Engine {
	t.Helper()
	e := newEngine(t, s, b)
	if st.cancel != "" {
		e.cfg.PollInterval = time.Hour
	}
	return e
}

// end cancels what was asked for when the broker is at it, if the story wants that.
func (st story) end(ctx context.Context, e *Engine, c pks.Cluster, dead <-chan struct{}) error {
	if st.cancel == "" {
		return nil
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		op, err := e.Operation(ctx, c.OperationID)
		if err != nil || op.State.Settled() || !op.CancelRequestedAt.IsZero() {
			return err
		}
		if op.State == pks.OperationRunning { // nobody looks at it again for long
			break
		}
		select {
		case <-tick.C:
		case <-dead:
			return errKilled
		}
	}
	_, err := e.Cancel(ctx, CancelRequest{ClusterID: c.ID, By: alice})
	return err
}

// latest is the cluster of that id, or the only one, or none.
func latest(t *testing.T, s store.Store, id string) pks.Cluster {
	t.Helper()
	all, err := s.Clusters(t.Context(), store.ClusterFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.ID == id || id == "" {
			return *c
		}
	}
	return pks.Cluster{}
}

func stop(t *testing.T, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := e.Stop(ctx); err != nil {
		var stacks strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		t.Errorf("stop: %v\n%s", err, stacks.String())
	}
}

func TestKilledAtAnyBoundaryEndsAsIfNot(t *testing.T) {
	t.Parallel()
	create := func(ctx context.Context, e *Engine, _ string) (pks.Cluster, error) {
		return e.Create(ctx, createRequest("demo"))
	}
	update := func(ctx context.Context, e *Engine, id string) (pks.Cluster, error) {
		return e.Update(ctx, UpdateRequest{ClusterID: id, By: alice, Change: resize(7)})
	}
	rotate := func(ctx context.Context, e *Engine, id string) (pks.Cluster, error) {
		return e.RotateCertificates(ctx, RotateRequest{ClusterID: id, By: alice})
	}
	remove := func(ctx context.Context, e *Engine, id string) (pks.Cluster, error) {
		return e.Delete(ctx, DeleteRequest{ClusterID: id, By: alice})
	}
	for name, st := range map[string]story{
		"create":           {request: create},
		"update":           {prepare: true, request: update},
		"rotate":           {prepare: true, request: rotate, rounded: true},
		"delete":           {prepare: true, request: remove},
		"cancelled create": {request: create, cancel: osb.DeploymentIncomplete},
		"cancelled update": {prepare: true, request: update, cancel: osb.DeploymentInconsistent},
		"cancelled delete": {prepare: true, request: remove, cancel: osb.DeploymentInconsistent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, boundaries := st.run(t, 0)
			if boundaries < 10 {
				t.Fatalf("only %d boundaries", boundaries)
			}
			for _, at := range everyBoundary(boundaries) {
				t.Run(fmt.Sprint("boundary ", at), func(t *testing.T) {
					t.Parallel()
					got, _ := st.run(t, at)
					if diff := cmp.Diff(st.comparable(want), st.comparable(got)); diff != "" {
						t.Errorf("ends otherwise (-clean +killed):\n%s", diff)
					}
				})
			}
		})
	}
}
