package locks

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

const (
	// MaxCached bounds the memory of a Cache, in bytes by size: some 30,000 locks.
	MaxCached = 16 << 20
	// worthLoading is how many unknown locks of one page make it worth reading
	// what other servers have remembered.
	worthLoading = 32
	// worthSaving is how many locks one server has learned by itself when it saves
	// them for others.
	worthSaving = 256
	// maxSaved in bytes of the saved form.
	maxSaved = 2 * MaxCached
	// saveTimeout of one save.
	saveTimeout = 30 * time.Second
)

// Cache remembers records by key and ETag. A pair of these always means the same
// content, so nothing in it is ever wrong, and a listing tells what of it is
// current. It is also kept in the bucket, for servers that have just started and
// for those that others' locks are new to: of 10,000 locks a listing then reads
// a few. Safe for concurrent use.
type Cache struct {
	most int // bytes

	mu      sync.Mutex
	entries map[string]entry // guarded by mu
	size    int              // of entries; guarded by mu
	// learned from the bucket's single locks since it was last saved or loaded;
	// guarded by mu.
	learned int
	// saved is the ETag of the saved form that was last read or written; guarded
	// by mu.
	saved  string
	saving sync.Mutex

	// What listing.go shares; guarded by mu.
	kept   []*listing
	next   *flight
	flying bool
}

type entry struct {
	ETag   string  `json:"etag"`
	Record *record `json:"record"`
}

// cost of an entry in bytes, near enough.
func (e entry) cost() int {
	r := e.Record
	return 512 + len(r.Path) + len(r.Ref) + len(r.Owner)
}

// NewCache remembers nothing yet, and at most so many bytes of locks.
func NewCache(most int) *Cache { return &Cache{most: most, entries: map[string]entry{}} }

func (c *Cache) get(name, etag string) *record {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[name]; ok && e.ETag == etag {
		return e.Record
	}
	return nil
}

func (c *Cache) put(name, etag string, r *record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[name]; ok && e.ETag == etag {
		return
	}
	c.learned++
	c.set(name, entry{ETag: etag, Record: r})
}

// set makes room by forgetting whichever comes first. The caller holds mu.
func (c *Cache) set(name string, e entry) {
	c.drop(name)
	for victim := range c.entries {
		if c.size+e.cost() <= c.most {
			break
		}
		c.drop(victim)
	}
	c.entries[name] = e
	c.size += e.cost()
}

// drop forgets a record. The caller holds mu.
func (c *Cache) drop(name string) {
	if e, ok := c.entries[name]; ok {
		c.size -= e.cost()
		delete(c.entries, name)
	}
}

func (c *Cache) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(name)
}

// load adds what is saved in the bucket. Failures cost requests and nothing else.
func (s *Service) load(ctx context.Context) {
	c := s.Cache
	c.mu.Lock()
	known := c.saved
	c.mu.Unlock()
	raw, info, err := objectstore.ReadSmall(ctx, s.Bucket, s.Prefix.LockCache(), known, maxSaved)
	var entries map[string]entry
	if err != nil || json.Unmarshal(raw, &entries) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved = info.ETag
	for name, e := range entries {
		// What this server has read itself is newer, or equal.
		if _, have := c.entries[name]; !have && e.Record != nil && nameOf(e.Record.Path) == name {
			c.set(name, e)
		}
	}
}

// saveLater saves in the background when there is enough that others may not
// know. Two servers may save at the same time: either form is good.
func (s *Service) saveLater(ctx context.Context) {
	c := s.Cache
	c.mu.Lock()
	worth := c.learned >= worthSaving
	c.mu.Unlock()
	if !worth || !c.saving.TryLock() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	go func() {
		defer c.saving.Unlock()
		defer cancel()
		s.save(ctx)
	}()
}

// save adds to what is saved already: this server may have just started.
func (s *Service) save(ctx context.Context) {
	c := s.Cache
	s.load(ctx)
	c.mu.Lock()
	raw, err := json.Marshal(c.entries)
	learned := c.learned
	c.mu.Unlock()
	if err != nil {
		return
	}
	info, err := s.Bucket.Put(ctx, s.Prefix.LockCache(), bytes.NewReader(raw), int64(len(raw)), objectstore.Condition{})
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.learned, c.saved = c.learned-learned, info.ETag
}
