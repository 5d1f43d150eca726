package odb

import "cmp"

// Sizes of caches in bytes. Deltas are rebuilt from what was just read, and a
// commit's trees are its children's parents' trees; a fork reads small blobs.
const (
	cacheSize     = 32 << 20
	forkCacheSize = 8 << 20
)

// cached is an object's content; nobody changes it.
type cached struct {
	kind    Kind
	content []byte
	// checked: the content is what the object's name says.
	checked bool
}

// cache holds what was read of late, in two generations: when the younger one is
// full it becomes the elder, and what was in the elder and not asked for is gone.
type cache struct {
	young, elder map[uint64]cached
	// size of young, limit of both, in bytes; zero for cacheSize.
	size, limit int
}

// perCached approximates what an entry costs beside its bytes.
const perCached = 96

func (c *cache) get(key uint64) (cached, bool) {
	if o, ok := c.young[key]; ok {
		return o, true
	}
	o, ok := c.elder[key]
	if ok {
		c.put(key, o)
	}
	return o, ok
}

func (c *cache) put(key uint64, o cached) {
	cost := len(o.content) + perCached
	limit := cmp.Or(c.limit, cacheSize)
	if cost > limit/4 {
		return
	}
	if c.size+cost > limit/2 || c.young == nil {
		c.young, c.elder, c.size = map[uint64]cached{}, c.young, 0
	}
	if old, ok := c.young[key]; !ok {
		c.size += cost
	} else if old.checked {
		return
	}
	c.young[key] = o
}
