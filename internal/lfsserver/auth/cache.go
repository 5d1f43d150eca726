package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

// cache remembers what was found out about secrets, by their hash. It is bounded:
// when it is full, something goes.
type cache struct {
	// revision of what the answers depend on.
	revision string
	most     int

	mu      sync.Mutex
	entries map[[sha256.Size]byte]cached
}

// cached is an answer. Until fresh it is taken as it is; until usable it stands
// in while whoever gave it does not answer.
type cached struct {
	id            Identity
	err           error
	fresh, usable time.Time
}

func newCache(revision string, most int) *cache {
	return &cache{revision: revision, most: most, entries: map[[sha256.Size]byte]cached{}}
}

// get returns what is known and not older than usable.
func (c *cache) get(secret string, now time.Time) (cached, bool) {
	key := sha256.Sum256([]byte(secret))
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if ok && !now.Before(e.usable) {
		delete(c.entries, key)
		return cached{}, false
	}
	return e, ok
}

func (c *cache) put(secret string, e cached, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= c.most {
		c.makeRoom(now)
	}
	c.entries[sha256.Sum256([]byte(secret))] = e
}

// makeRoom drops what is over, or else an entry of the map's choice.
func (c *cache) makeRoom(now time.Time) {
	for key, e := range c.entries {
		if !now.Before(e.usable) {
			delete(c.entries, key)
		}
	}
	for key := range c.entries {
		if len(c.entries) < c.most {
			return
		}
		delete(c.entries, key)
	}
}

// earliest of two times.
func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
