package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
)

const (
	// cutTimeout is how long steps that are cut short may take to end.
	cutTimeout = 10 * time.Second
	// farewell is how long the queue may take to end when all its work is done.
	farewell = 2 * time.Second
)

// Stop ends the engine for good. It lets steps that are being taken end, takes no
// new ones, and returns when the end of each is stored. When ctx ends, steps are
// cut short; they will be repeated at the next start.
func (e *Engine) Stop(ctx context.Context) error {
	e.stopOnce.Do(func() { close(e.stopping) })
	e.heads.close()
	defer e.heads.end(ctx)
	err := e.end(ctx, e.queue.Stop)
	if err == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	cut, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutTimeout)
	defer cancel()
	if err := e.end(cut, e.queue.StopAndCancel); err != nil {
		return fmt.Errorf("stop the queue of operations: %w", err)
	}
	return nil
}

// watchEnd subscribes to what never happens, for the sake of the subscription's
// end: it is the one sign that the queue gives of having stored everything.
func (e *Engine) watchEnd() {
	e.recorded, _ = e.queue.SubscribeConfig(&river.SubscribeConfig{ChanSize: 1, Kinds: []river.EventKind{river.EventKindJobCancelled}})
}

// end stops the queue. Its leader election is not waited for without end: in
// River v0.31.0 the elector can wait for ever, lock in hand, for a listener that
// is waiting for that lock, when an election falls into the moment of the stop.
// Both have let go of the database then, and of everything else.
func (e *Engine) end(ctx context.Context, stop func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- stop(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-e.recorded:
	}
	grace := time.NewTimer(farewell)
	defer grace.Stop()
	select {
	case err := <-ended:
		return err
	case <-grace.C:
		cancel()
		<-ended
		e.log.InfoContext(ctx, "Leader election of the queue left behind")
		return nil
	}
}
