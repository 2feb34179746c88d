package api

import (
	"context"
	"sync"
	"time"
)

// pulseKept is how long a look at the database counts. Anybody may ask for the
// health of the server, and every look writes.
const pulseKept = time.Second

// pulse shares one look at the database among all who ask at a time.
type pulse struct {
	mu   sync.Mutex
	at   time.Time
	last error
}

// feel returns what the last look found, or looks again. Those who come meanwhile
// wait for that look.
func (p *pulse) feel(ctx context.Context, look func(context.Context) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() || time.Since(p.at) >= pulseKept {
		p.last = look(ctx)
		p.at = time.Now()
	}
	return p.last
}
