package lifecycle

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
	"github.com/pks-community/pks-release/src/store/storetest"
)

// postgres is nil on a machine without a server.
var postgres *storetest.Postgres

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) (code int) {
	if err := checks(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server, err := storetest.StartPostgres(context.Background())
	switch {
	case errors.Is(err, storetest.ErrNoPostgres):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	default:
		postgres = server
		defer func() {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}()
	}
	return m.Run()
}

func openPostgres(t *testing.T, dsn pks.Secret) *store.SQL {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Driver: store.Postgres, DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func needPostgres(t *testing.T) *storetest.Postgres {
	t.Helper()
	if postgres == nil {
		t.Skip(storetest.ErrNoPostgres)
	}
	return postgres
}

func TestManyClustersOnPostgresByTwoServers(t *testing.T) {
	t.Parallel()
	dsn := needPostgres(t).Database(t)
	b := newFakeBroker()
	one, two := startEngine(t, openPostgres(t, dsn), b), startEngine(t, openPostgres(t, dsn), b)
	var ids []string
	for i := range 20 {
		e := one
		if i%2 == 0 {
			e = two
		}
		ids = append(ids, mustCreate(t, e, fmt.Sprint("c", i)).OperationID)
	}
	for _, id := range ids {
		if op := waitFor(t, one.store, id, isSettled); op.State != pks.OperationSucceeded {
			t.Errorf("operation %+v", op)
		}
	}
	if got := len(b.effective()); got != len(ids) {
		t.Errorf("the broker began %d operations, want %d", got, len(ids))
	}
}

// TestDeadServersWorkIsTakenOver kills one of two servers in the middle of a
// call, by taking its connections away as the operating system would.
func TestDeadServersWorkIsTakenOver(t *testing.T) {
	t.Parallel()
	dsn := needPostgres(t).Database(t)
	victimStore := openPostgres(t, dsn)
	hanging := &hangingBroker{Broker: newFakeBroker(), entered: make(chan struct{}), release: make(chan struct{})}
	victim := newEngine(t, victimStore, hanging)
	if err := victim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := mustCreate(t, victim, "demo")
	<-hanging.entered
	if err := victimStore.Close(); err != nil {
		t.Fatal(err)
	}
	healthy := newFakeBroker()
	survivor := startEngine(t, openPostgres(t, dsn), healthy)
	if op := waitFor(t, survivor.store, c.OperationID, isSettled); op.State != pks.OperationSucceeded {
		t.Errorf("operation %+v", op)
	}
	if diff := cmp.Diff([]string{"provision"}, healthy.effective()); diff != "" {
		t.Error(diff)
	}
	close(hanging.release)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = victim.Stop(ctx) // it has no database to say good-bye to
}

// hangingBroker answers a provision only when it is let go.
type hangingBroker struct {
	Broker
	once             sync.Once
	entered, release chan struct{}
}

func (b *hangingBroker) Provision(ctx context.Context, in osb.Instance) (osb.Submission, error) {
	b.once.Do(func() { close(b.entered) })
	select {
	case <-b.release:
		return b.Broker.Provision(ctx, in)
	case <-ctx.Done():
		return osb.Submission{}, ctx.Err()
	}
}

func TestStopCutsAHangingCallAndTheNextStartGoesOn(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	hanging := &hangingBroker{Broker: newFakeBroker(), entered: make(chan struct{}), release: make(chan struct{})}
	e := newEngine(t, s, hanging)
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := mustCreate(t, e, "demo")
	<-hanging.entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := e.Stop(ctx); err != nil {
		t.Fatalf("stop: %v", err)
	}
	op, err := s.Operation(t.Context(), c.OperationID)
	if err != nil || op.State != pks.OperationAccepted {
		t.Fatalf("after stop: %+v, %v", op, err)
	}
	startEngine(t, s, newFakeBroker())
	if op := waitFor(t, s, c.OperationID, isSettled); op.State != pks.OperationSucceeded {
		t.Errorf("after the next start: %+v", op)
	}
}

func TestRequestsAreTakenWithoutAStartedEngine(t *testing.T) {
	t.Parallel()
	s, b := openStore(t), newFakeBroker()
	c := mustCreate(t, newEngine(t, s, b), "demo")
	startEngine(t, s, b)
	waitFor(t, s, c.OperationID, isSettled)
}

func TestOperationWithoutAJobGetsOne(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *store.SQL{
		"sqlite":   openStore,
		"postgres": func(t *testing.T) *store.SQL { return openPostgres(t, needPostgres(t).Database(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := open(t), newFakeBroker()
			e := newEngine(t, s, b)
			lost, kept := mustCreate(t, e, "lost"), mustCreate(t, e, "kept")
			if _, err := s.Queue().DB.ExecContext(t.Context(), "DELETE FROM river_job WHERE id = (SELECT MIN(id) FROM river_job)"); err != nil {
				t.Fatal(err)
			}
			if n, err := e.requeueLost(t.Context()); n != 1 || err != nil {
				t.Errorf("requeued %d, %v; want 1", n, err)
			}
			if n, err := e.requeueLost(t.Context()); n != 0 || err != nil {
				t.Errorf("then requeued %d, %v; want 0", n, err)
			}
			if err := e.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { stop(t, e) })
			waitFor(t, s, lost.OperationID, isSettled)
			waitFor(t, s, kept.OperationID, isSettled)
		})
	}
}

// flakyStore fails every other write.
type flakyStore struct {
	store.Store
	mu sync.Mutex
	n  int
}

func (s *flakyStore) Write(ctx context.Context, change func(context.Context, store.Tx) error) error {
	s.mu.Lock()
	s.n++
	fail := s.n%2 == 0
	s.mu.Unlock()
	if fail {
		return pks.Failf(pks.CodeStoreUnavailable, "not now").WithCause(sql.ErrConnDone)
	}
	return s.Store.Write(ctx, change)
}

func TestStoreThatFailsNowAndThenLosesNothing(t *testing.T) {
	t.Parallel()
	s, b := openStore(t), newFakeBroker()
	c := mustCreate(t, newEngine(t, s, b), "demo")
	startEngine(t, &flakyStore{Store: s}, b)
	if op := waitFor(t, s, c.OperationID, isSettled); op.State != pks.OperationSucceeded {
		t.Errorf("operation %+v", op)
	}
	if diff := cmp.Diff([]string{"provision"}, b.effective()); diff != "" {
		t.Error(diff)
	}
}

func TestBackOffDoublesUpToABound(t *testing.T) {
	t.Parallel()
	e := &Engine{cfg: Config{pace: pace{backOff: time.Second, maxBackOff: 30 * time.Second}}}
	for attempt, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: 30 * time.Second, 1000: 30 * time.Second} {
		if got := e.backOff(attempt, nil); got < want || got > want+want/10+1 {
			t.Errorf("attempt %d: %v, want about %v", attempt, got, want)
		}
	}
	if got := e.backOff(1, &osb.Error{RetryAfter: 45}); got < 45*time.Second {
		t.Errorf("asked to come back after 45 s: %v", got)
	}
	if got := e.backOff(1, &osb.Error{RetryAfter: 86400}); got > maxRetryAfter+maxRetryAfter/10+1 {
		t.Errorf("asked to come back after a day: %v", got)
	}
}

func TestLingerEndsWithTheWaitOrTheEngine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &Engine{stopping: make(chan struct{})}
		began := time.Now()
		if !e.linger(t.Context(), time.Second) || time.Since(began) != time.Second {
			t.Errorf("lingered %v", time.Since(began))
		}
		time.AfterFunc(time.Second, func() { close(e.stopping) })
		if e.linger(t.Context(), time.Hour) {
			t.Error("goes on in an engine that stops")
		}
	})
}

func TestConfigNeedsStoreAndBroker(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "store and a broker") {
		t.Errorf("error %v", err)
	}
}
