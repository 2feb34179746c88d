package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// awayStore is a database that cannot be reached for a while.
type awayStore struct {
	store.Store
	back atomic.Bool
}

func (s *awayStore) Operation(context.Context, string) (pks.Operation, error) {
	return pks.Operation{}, errors.New("connection refused")
}

func (s *awayStore) Ping(context.Context) error {
	if s.back.Load() {
		return nil
	}
	return errors.New("connection refused")
}

// work runs the job of an operation and tells how it ended.
func work(ctx context.Context, e *Engine) <-chan error {
	ended := make(chan error, 1)
	go func() {
		ended <- (&operationWorker{engine: e}).Work(ctx, &river.Job[operationJob]{Args: operationJob{OperationID: "op-1"}})
	}()
	return ended
}

func newAwayEngine(s store.Store) *Engine {
	return &Engine{
		store: s, log: slog.New(slog.DiscardHandler), stopping: make(chan struct{}),
		cfg: Config{pace: pace{store: 2 * time.Second}},
	}
}

func TestJobIsKeptWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &awayStore{}
		ended := work(t.Context(), newAwayEngine(s))
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("given back to a queue that cannot store it: %v", err)
		default:
		}
		s.back.Store(true)
		began := time.Now()
		var snooze *river.JobSnoozeError
		if err := <-ended; !errors.As(err, &snooze) || time.Since(began) > 2*time.Second {
			t.Errorf("ended with %v after %v, want a snooze at once", err, time.Since(began))
		}
	})
}

func TestStopDoesNotWaitForTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newAwayEngine(&awayStore{})
		ended := work(t.Context(), e)
		synctest.Wait()
		began := time.Now()
		close(e.stopping)
		if <-ended; time.Since(began) != 0 {
			t.Errorf("took %v", time.Since(began))
		}
	})
}

func TestQueueIsQuietAboutItsRoutineAndItsStop(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(quietHandler{slog.NewTextHandler(&out, nil)}).With("client", "a")
	log.Info("routine")
	log.Error("given up", "err", fmt.Errorf("begin: %w", context.Canceled))
	log.Error("trouble", "err", "disk full")
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "disk full") {
		t.Errorf("logged:\n%s", got)
	}
}
