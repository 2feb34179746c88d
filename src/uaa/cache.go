package uaa

import (
	"crypto/sha256"
	"sync"
)

// digest stands for a token, so that the cache holds none.
type digest [sha256.Size]byte

func digestOf(raw string) digest { return sha256.Sum256([]byte(raw)) }

// cache maps tokens to verdicts and holds a bounded number. It keeps two
// generations: when the younger is full it becomes the older, and what was the
// older is forgotten; what is asked for moves to the younger.
type cache[V any] struct {
	mu      sync.Mutex
	limit   int // of one generation
	younger map[digest]V
	older   map[digest]V
}

func newCache[V any](limit int) *cache[V] {
	return &cache[V]{limit: max(1, limit/2), younger: map[digest]V{}}
}

func (c *cache[V]) get(d digest) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.younger[d]; ok {
		return v, true
	}
	v, ok := c.older[d]
	if ok {
		delete(c.older, d)
		c.insert(d, v)
	}
	return v, ok
}

func (c *cache[V]) put(d digest, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.older, d)
	c.insert(d, v)
}

func (c *cache[V]) remove(d digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.younger, d)
	delete(c.older, d)
}

func (c *cache[V]) insert(d digest, v V) {
	if _, there := c.younger[d]; !there && len(c.younger) >= c.limit {
		c.older, c.younger = c.younger, make(map[digest]V, c.limit)
	}
	c.younger[d] = v
}

func (c *cache[V]) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.younger) + len(c.older)
}
