package uaa

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Times of the key ring (reference/uaa.md §16.2).
const (
	keysFresh      = 10 * time.Minute // after this a set is fetched anew, in the background
	keysUsable     = 24 * time.Hour   // after this a set that could not be refreshed is not used any more
	keysPause      = 30 * time.Second // least time between two fetches once there is a set
	firstPause     = time.Second      // the same while there is none; doubles up to keysPause
	fetchTimeout   = 5 * time.Second
	maxUnknownKeys = 256
)

// errNoKeys is why nothing can be verified before the first successful fetch.
var errNoKeys = errors.New("no signing keys have been fetched yet")

// keyring holds UAA's public keys. Its goroutines are the fetches: never more
// than one, none when nothing is asked, and close waits for it.
type keyring struct {
	endpoint *endpoint
	now      func() time.Time

	life context.Context // ends the fetch under way
	end  context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	keys    map[string]*rsa.PublicKey
	version uint64 // grows whenever the keys change
	etag    string
	fetched time.Time // of the keys held
	tried   time.Time // of the last attempt
	pause   time.Duration
	failure error // of the last attempt
	flight  chan struct{}
	unknown map[string]time.Time // key ids not found, and when
	closed  bool
}

func newKeyring(endpoint *endpoint, now func() time.Time) *keyring {
	life, end := context.WithCancel(context.Background())
	return &keyring{endpoint: endpoint, now: now, life: life, end: end,
		pause: firstPause, unknown: map[string]time.Time{}}
}

// close ends the fetch under way and waits for it.
func (k *keyring) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.end()
	k.work.Wait()
}

// find returns the key with the id and the version of the set it is in. An id
// that is not in the set leads to one fetch for the whole process, at most every
// 30 seconds.
func (k *keyring) find(ctx context.Context, id string) (*rsa.PublicKey, uint64, error) {
	k.mu.Lock()
	if key, ok := k.usable()[id]; ok {
		if k.now().Sub(k.fetched) >= keysFresh {
			k.fetch()
		}
		version := k.version
		k.mu.Unlock()
		return key, version, nil
	}
	if k.usable() != nil && k.known(id) {
		k.mu.Unlock()
		return nil, 0, refuse("key %q is unknown", clip(id))
	}
	flight := k.fetch()
	k.mu.Unlock()

	if err := wait(ctx, flight); err != nil {
		return nil, 0, unavailable(fmt.Errorf("wait for signing keys: %w", err))
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	if key, ok := k.usable()[id]; ok {
		return key, k.version, nil
	}
	if k.failure != nil {
		return nil, 0, unavailable(k.failure)
	}
	if k.usable() == nil {
		return nil, 0, unavailable(errNoKeys)
	}
	k.remember(id)
	return nil, 0, refuse("key %q is unknown", clip(id))
}

// current is the version of the keys in force, 0 when there are none. It starts
// a fetch when they are getting old.
func (k *keyring) current() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.usable() == nil {
		return 0
	}
	if k.now().Sub(k.fetched) >= keysFresh {
		k.fetch()
	}
	return k.version
}

// ready fetches the keys unless there are some.
func (k *keyring) ready(ctx context.Context) error {
	k.mu.Lock()
	if k.usable() != nil {
		k.mu.Unlock()
		return nil
	}
	flight := k.fetch()
	k.mu.Unlock()
	if err := wait(ctx, flight); err != nil {
		return unavailable(fmt.Errorf("wait for signing keys: %w", err))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.usable() != nil:
		return nil
	case k.failure != nil:
		return unavailable(k.failure)
	}
	return unavailable(errNoKeys)
}

// usable is the key set unless it is too old to be trusted. Call with mu held.
func (k *keyring) usable() map[string]*rsa.PublicKey {
	if k.keys == nil || k.now().Sub(k.fetched) >= keysUsable {
		return nil
	}
	return k.keys
}

// known tells whether the id was lately looked for in vain. Call with mu held.
func (k *keyring) known(id string) bool {
	missed, ok := k.unknown[id]
	return ok && k.now().Sub(missed) < keysPause
}

// remember bounds what strangers can make the process hold. Call with mu held.
func (k *keyring) remember(id string) {
	if len(k.unknown) >= maxUnknownKeys {
		clear(k.unknown)
	}
	k.unknown[id] = k.now()
}

// fetch starts a fetch unless one is under way or was made a moment ago, and
// returns what to wait for; nil means that there is nothing to wait for. Call
// with mu held.
func (k *keyring) fetch() <-chan struct{} {
	if k.flight != nil {
		return k.flight
	}
	if k.closed || (!k.tried.IsZero() && k.now().Sub(k.tried) < k.pause) {
		return nil
	}
	k.tried = k.now()
	flight := make(chan struct{})
	k.flight = flight
	etag := k.etag
	k.work.Go(func() {
		answer, err := k.ask(etag)
		k.settle(answer, err)
		close(flight)
	})
	return flight
}

// answer is a key set, or nothing when UAA says that it has not changed.
type keyAnswer struct {
	keys map[string]*rsa.PublicKey
	etag string
}

func (k *keyring) ask(etag string) (keyAnswer, error) {
	ctx, cancel := context.WithTimeout(k.life, fetchTimeout)
	defer cancel()
	header := http.Header{}
	if etag != "" {
		header.Set("If-None-Match", etag)
	}
	response, err := k.endpoint.send(ctx, http.MethodGet, "/token_keys", header, nil)
	if err != nil {
		return keyAnswer{}, fmt.Errorf("fetch signing keys: %w", err)
	}
	switch {
	case response.status == http.StatusNotModified && etag != "":
		return keyAnswer{}, nil
	case response.status != http.StatusOK:
		return keyAnswer{}, fmt.Errorf("fetch signing keys: UAA answered status %d", response.status)
	}
	keys, err := parseKeys(response.body)
	if err != nil {
		return keyAnswer{}, fmt.Errorf("fetch signing keys: %w", err)
	}
	return keyAnswer{keys: keys, etag: response.header.Get("ETag")}, nil
}

// settle puts the outcome in force. A failure keeps the keys there are.
func (k *keyring) settle(answer keyAnswer, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flight = nil
	k.failure = err
	if err != nil {
		if k.keys == nil {
			k.pause = min(k.pause*2, keysPause)
		}
		return
	}
	k.pause = keysPause
	k.fetched = k.now()
	if answer.keys == nil {
		return
	}
	k.etag = answer.etag
	if !maps.EqualFunc(k.keys, answer.keys, func(a, b *rsa.PublicKey) bool { return a.Equal(b) }) {
		k.keys = answer.keys
		k.version++
		clear(k.unknown)
	}
}

func wait(ctx context.Context, flight <-chan struct{}) error {
	if flight == nil {
		return nil
	}
	select {
	case <-flight:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
