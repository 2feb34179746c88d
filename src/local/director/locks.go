package director

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/director/fault"
)

// lockExpiry is what GET /locks reports: how long a lock outlives its last renewal
// (reference/director-api.md §17). Locks here live in memory and end with the process, so that a
// killed Director leaves none behind.
const lockExpiry = 240 * time.Second

// locks are the Director's named locks.
type locks struct {
	mu   sync.Mutex
	held map[string]*heldLock
}

type heldLock struct {
	kind, resource string
	task           int64
	description    string
	uid            string
	since          time.Time
	freed          chan struct{}
}

func newLocks() *locks { return &locks{held: map[string]*heldLock{}} }

// acquire takes the lock kind:resource for a task, waiting for it at most limit.
func (l *locks) acquire(ctx context.Context, kind, resource string, task int64, description string, limit time.Duration) (release func(), err error) {
	name := kind + ":" + resource
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		l.mu.Lock()
		holder, busy := l.held[name]
		if !busy {
			own := &heldLock{
				kind: kind, resource: resource, task: task, description: description, uid: uuid.NewString(),
				since: time.Now(), freed: make(chan struct{}),
			}
			l.held[name] = own
			l.mu.Unlock()
			return func() { l.free(name, own) }, nil
		}
		l.mu.Unlock()
		select {
		case <-holder.freed:
		case <-timer.C:
			return nil, fault.New(fault.General, "Failed to acquire lock for lock:%s uid: %s. Locking task id is %d, description: '%s'",
				name, uuid.NewString(), holder.task, holder.description)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for lock %s: %w", name, ctx.Err())
		}
	}
}

func (l *locks) free(name string, own *heldLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[name] == own {
		delete(l.held, name)
		close(own.freed)
	}
}

// isHeld tells whether anybody holds the lock.
func (l *locks) isHeld(kind, resource string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, held := l.held[kind+":"+resource]
	return held
}

// anyHeld tells whether anybody holds any lock of a kind.
func (l *locks) anyHeld(kind string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, held := range l.held {
		if held.kind == kind {
			return true
		}
	}
	return false
}

// list returns the held locks by kind and resource.
func (l *locks) list() []heldLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]heldLock, 0, len(l.held))
	for _, h := range l.held {
		out = append(out, *h)
	}
	slices.SortFunc(out, func(a, b heldLock) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.resource, b.resource))
	})
	return out
}

// expiry is the time GET /locks shows: the holder renews at half of the time.
func (h heldLock) expiry(now time.Time) time.Time {
	half := lockExpiry / 2
	return h.since.Add(now.Sub(h.since).Truncate(half)).Add(lockExpiry)
}
