package broker

import (
	"context"
	"fmt"
	"sync"
)

// keyedLock serialises by key. Its zero value is ready; a key costs memory only
// while somebody holds or wants it.
type keyedLock struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct {
	free  chan struct{} // holds one token while nobody has the lock
	users int
}

// acquire waits for its turn as long as ctx lasts.
func (l *keyedLock) acquire(ctx context.Context, key string) (release func(), err error) {
	l.mu.Lock()
	t := l.held[key]
	if t == nil {
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		if l.held == nil {
			l.held = map[string]*turn{}
		}
		l.held[key] = t
	}
	t.users++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(l.held, key)
		}
	}
	select {
	case <-t.free:
		return func() {
			t.free <- struct{}{}
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, fmt.Errorf("wait for the request before this one: %w", ctx.Err())
	}
}
