package api

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

const (
	// mostRefusals is how many requests of one address may be refused for their
	// credentials in one throttlePeriod. A fleet of clients behind one address
	// whose tokens have just expired stays far below.
	mostRefusals   = 300
	throttlePeriod = time.Minute
	// mostAddresses bounds what strangers can make the process hold.
	mostAddresses = 10_000
)

// throttle counts, by address, the requests whose credentials were refused. Whoever
// has too many gets no more looked at for the rest of the minute, so that guessing
// is slow and garbage costs neither signatures nor questions to UAA. Tokens that
// were verified before are let through all the same: an address may be shared.
type throttle struct {
	mu      sync.Mutex
	since   time.Time
	refused map[string]int
}

// limited tells whether the address has used up its refusals.
func (t *throttle) limited(address string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return now.Sub(t.since) < throttlePeriod && t.refused[address] >= mostRefusals
}

// count notes a refusal.
func (t *throttle) count(address string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.since) >= throttlePeriod || len(t.refused) >= mostAddresses {
		t.since, t.refused = now, map[string]int{}
	}
	t.refused[address]++
}

// knower is a Verifier that can tell a token which it has verified before.
type knower interface {
	Known(token string) bool
}

func (s *Server) knows(token string) bool {
	k, ok := s.config.Verifier.(knower)
	return ok && token != "" && k.Known(token)
}

// address is where a request comes from, without the port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func tooManyRefusals() *pks.Failure {
	return pks.Failf(pks.CodeTooManyRequests, "Too many requests from your address were refused for their credentials.")
}
