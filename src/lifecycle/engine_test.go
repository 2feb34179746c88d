package lifecycle

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// quick is a pace for tests.
var quick = pace{
	fetch: 5 * time.Millisecond, first: time.Millisecond,
	backOff: time.Millisecond, maxBackOff: 4 * time.Millisecond, store: 5 * time.Millisecond, linger: 50 * time.Millisecond,
}

var alice = pks.Principal{Kind: pks.PrincipalUser, Origin: "uaa", ID: "a1", Name: "alice"}

func openStore(t *testing.T) *store.SQL {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "pks.db"))
}

func openAt(t *testing.T, path string) *store.SQL {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// stepOnce takes the next step of the cluster's operation, without the queue, and
// returns the operation after it.
func stepOnce(t *testing.T, e *Engine, operationID string) pks.Operation {
	t.Helper()
	if _, err := e.step(t.Context(), operationID); err != nil {
		t.Fatal(err)
	}
	op, err := e.store.Operation(t.Context(), operationID)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// stepUntilSettled brings the cluster's operation to its end, without the queue.
func stepUntilSettled(t *testing.T, e *Engine, clusterID string) pks.Operation {
	t.Helper()
	c, err := e.ClusterByID(t.Context(), clusterID)
	if err != nil {
		t.Fatal(err)
	}
	return stepUntilSettledByID(t, e, c.OperationID)
}

func stepUntilSettledByID(t *testing.T, e *Engine, operationID string) pks.Operation {
	t.Helper()
	for range 100 {
		if op := stepOnce(t, e, operationID); op.State.Settled() {
			return op
		}
	}
	t.Fatalf("operation %s does not end", operationID)
	return pks.Operation{}
}

var compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// newEngine is an engine that is not started, at a test's pace.
func newEngine(t *testing.T, s store.Store, b Broker) *Engine {
	t.Helper()
	e, err := New(Config{Store: s, Broker: b, PollInterval: time.Millisecond, pace: quick, Logger: testLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func startEngine(t *testing.T, s store.Store, b Broker) *Engine {
	t.Helper()
	e := newEngine(t, s, b)
	begin(t, e)
	return e
}

// begin starts the engine until the test ends.
func begin(t *testing.T, e *Engine) {
	t.Helper()
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

func testLogger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, nil))
}

func testLoggerOff() *slog.Logger { return slog.New(slog.DiscardHandler) }

func createRequest(name string) CreateRequest {
	return CreateRequest{
		Name: name, Owner: alice,
		Plan:              testPlan(),
		Spec:              pks.ClusterSpec{MasterHost: name + ".example.com", MasterPort: 8443, WorkerInstances: 3},
		KubernetesVersion: "1.34.2", ProductVersion: "1.0.0", RequestID: "req-" + name,
	}
}

// waitFor looks at the operation until it is as wanted.
func waitFor(t *testing.T, s store.Store, id string, wanted func(pks.Operation) bool) pks.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		op, err := s.Operation(ctx, id)
		if err != nil {
			t.Fatalf("operation %s: %v (last: %+v)", id, err, op)
		}
		if wanted(op) {
			return op
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("operation never came to be as wanted: %+v", op)
		}
	}
}

func isSettled(op pks.Operation) bool { return op.State.Settled() }

func mustCreate(t *testing.T, e *Engine, name string) pks.Cluster {
	t.Helper()
	c, err := e.Create(t.Context(), createRequest(name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func resize(n int) func(pks.ClusterSpec) (pks.ClusterSpec, error) {
	return func(s pks.ClusterSpec) (pks.ClusterSpec, error) {
		s.WorkerInstances = n
		return s, nil
	}
}

func TestClusterLivesFromCreateToDelete(t *testing.T) {
	t.Parallel()
	s, b := openStore(t), newFakeBroker()
	e := startEngine(t, s, b)

	accepted := mustCreate(t, e, "demo")
	if got, want := fmt.Sprint(accepted.LastAction, "|", accepted.LastActionState, "|", accepted.LastActionDescription),
		"CREATE|in progress|Creating cluster"; got != want {
		t.Errorf("accepted as %q, want %q", got, want)
	}
	waitFor(t, s, accepted.OperationID, isSettled)
	created, err := e.Cluster(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	if created.LastActionState != pks.ActionSucceeded || created.LastActionDescription != "Instance provisioning completed" ||
		len(created.MasterIPs) != 1 || created.ReadyAt.IsZero() {
		t.Errorf("created: %+v", created)
	}

	updating, err := e.Update(t.Context(), UpdateRequest{ClusterID: created.ID, By: alice, Change: resize(5)})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, s, updating.OperationID, isSettled)
	if got := b.instances[created.ID].spec.WorkerInstances; got != 5 {
		t.Errorf("broker has %d workers, want 5", got)
	}

	deleting, err := e.Delete(t.Context(), DeleteRequest{ClusterID: created.ID, By: alice})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, s, deleting.OperationID, isSettled)
	if _, err := e.Cluster(t.Context(), "demo"); pks.AsFailure(err).Code != pks.CodeClusterNotFound {
		t.Errorf("after delete: %v", err)
	}
	if diff := cmp.Diff([]string{"provision", "update", "deprovision"}, b.begun); diff != "" {
		t.Error(diff)
	}
	events, err := e.Events(t.Context(), created.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events {
		t.Log(ev.Seq, ev.Message)
	}
}
