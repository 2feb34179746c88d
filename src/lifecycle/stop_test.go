package lifecycle

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
)

// slowListener holds up the goroutine of the queue that is told of elections, in
// the place where it logs, as a busy machine would.
type slowListener struct {
	slog.Handler
	told     chan bool     // gets one value: whether there was a leader by then
	goOn     chan struct{} // close it to let the goroutine go on
	resigned chan struct{} // closed when the elector has given up its office

	toldOnce, resignedOnce sync.Once
}

func newSlowListener() *slowListener {
	return &slowListener{
		Handler: slog.DiscardHandler,
		told:    make(chan bool, 1), goOn: make(chan struct{}), resigned: make(chan struct{}),
	}
}

func (*slowListener) Enabled(context.Context, slog.Level) bool { return true }
func (l *slowListener) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l *slowListener) WithGroup(string) slog.Handler          { return l }

func (l *slowListener) Handle(_ context.Context, r slog.Record) error {
	switch {
	case strings.HasSuffix(r.Message, "Election change received"):
		l.toldOnce.Do(func() {
			leader := false
			r.Attrs(func(a slog.Attr) bool {
				leader = leader || a.Key == "is_leader" && a.Value.Bool()
				return true
			})
			l.told <- leader
			<-l.goOn
		})
	case strings.HasSuffix(r.Message, "Resigned leadership successfully"):
		l.resignedOnce.Do(func() { close(l.resigned) })
	}
	return nil
}

// TestStopEndsThoughTheQueuesElectionDoesNot: in River v0.31.0 the elector tells
// of an election on a channel with one place while it holds a lock, and the
// listener needs that lock to leave. When it leaves with a message unread, both
// wait for ever. Which of its two ways the listener takes is left to chance, so
// there are several engines.
func TestStopEndsThoughTheQueuesElectionDoesNot(t *testing.T) {
	t.Parallel()
	const engines = 8
	before := blockedElectors()
	stopped := make(chan error, engines)
	var goOn []func()
	wait := 0
	for range engines {
		s := openStore(t)
		e := newEngine(t, s, newFakeBroker())
		config, err := queueConfig(e)
		if err != nil {
			t.Fatal(err)
		}
		listener := newSlowListener()
		config.Logger = slog.New(listener)
		if e.queue, err = river.NewClient(s.Queue().Driver(), config); err != nil {
			t.Fatal(err)
		}
		if err := e.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !<-listener.told {
			wait++ // the news of the leader will fill the channel
		}
		eventually(t, "the queue has a leader", func() bool {
			var leaders int
			return s.Queue().DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM river_leader").Scan(&leaders) == nil && leaders > 0
		})
		go func() { stopped <- e.Stop(context.WithoutCancel(t.Context())) }()
		<-listener.resigned
		goOn = append(goOn, func() { close(listener.goOn) })
	}
	eventually(t, "the electors wait for the listeners", func() bool { return blockedElectors() >= before+wait })
	for _, release := range goOn {
		release()
	}
	tooLong := time.After(30 * time.Second)
	for range engines {
		select {
		case err := <-stopped:
			if err != nil {
				t.Errorf("stop: %v", err)
			}
		case <-tooLong:
			t.Fatal("an engine does not stop")
		}
	}
}

// blockedElectors counts the electors that wait for a place in the channel.
func blockedElectors() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	blocked := 0
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		if strings.Contains(stack, "[chan send") && strings.Contains(stack, "notifySubscribers") {
			blocked++
		}
	}
	return blocked
}

// eventually looks until it is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}
