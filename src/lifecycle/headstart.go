package lifecycle

import (
	"context"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// headStarts take the first steps of operations that this process has stored, at
// once: the queue would come to them a little later, which people notice and which
// adds up over a rollout. The operations have their jobs all the same, which leave them
// alone as long as they are in hand here, and carry them on when they are not, or
// when the process dies. The zero value gives none.
type headStarts struct {
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu   sync.Mutex
	open bool
	held map[string]bool
}

// begin has head starts given: by an engine that is at work.
func (h *headStarts) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.held, h.open = map[string]bool{}, true
}

// close has no more given.
func (h *headStarts) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = false
}

// take holds the operation, unless limit are held.
func (h *headStarts) take(id string, limit int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.open || h.held[id] || len(h.held) >= limit {
		return false
	}
	h.held[id] = true
	h.group.Add(1)
	return true
}

func (h *headStarts) drop(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, id)
	h.group.Done()
}

func (h *headStarts) holds(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held[id]
}

// end waits for the steps that are being taken; when ctx ends, they are cut short.
func (h *headStarts) end(ctx context.Context) {
	if h.cancel == nil {
		return
	}
	defer h.cancel()
	ended := make(chan struct{})
	go func() {
		h.group.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		h.cancel()
		<-ended
	}
}

// began logs operations that have just been stored, and begins with them.
func (e *Engine) began(ctx context.Context, operations []pks.Operation) {
	for _, op := range operations {
		e.logAccepted(ctx, op)
		if e.heads.take(op.ID, e.cfg.Workers/2) {
			go e.headStart(op.ID)
		}
	}
}

// headStart takes steps as long as the next is due soon and all goes well.
func (e *Engine) headStart(operationID string) {
	defer e.heads.drop(operationID)
	ctx, cancel := context.WithTimeout(e.heads.ctx, e.cfg.stepTimeout())
	defer cancel()
	for started := time.Now(); time.Since(started) < maxLinger; {
		wait, err := e.step(ctx, operationID)
		if err != nil || wait == settled || wait > e.cfg.pace.linger || !e.linger(ctx, wait) {
			return
		}
	}
}

// aside is how long a job leaves an operation alone that has a head start.
func (e *Engine) aside() time.Duration { return max(e.cfg.pace.first, e.cfg.pace.fetch) }
