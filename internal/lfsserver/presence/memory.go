// Package presence is what a replica remembers of the objects that the store has,
// so that a batch of objects that were asked for before costs no lookups. It is a
// cache: losing it costs time and nothing else.
//
// What could go wrong is that an object is remembered that garbage collection has
// deleted since, and a client is told that it is there. So a memory counts under
// one generation of garbage collection's index only (package gc/index, rule 6 of
// the protocol for servers):
//
//   - It is taken with the index that the batch has read (Under). Another
//     generation than the last begins a new, empty memory.
//   - It is filled only by what the store said after that index was read: a Known
//     is taken first, then the store is asked, then Add. An answer that comes
//     after the generation has changed goes to the old memory, which nobody asks.
//   - Objects that the index lists are never kept.
//
// Between the index that is read twice with the same generation there was no other
// (generations never repeat), and nothing is deleted that is not listed. So what
// was seen after the first reading is there at the second.
//
// Downloads use it by the same rules: their batches read the index too, and where
// they cannot, they ask the store.
//
// Somebody may remove objects from the bucket by hand. Nothing tells us of that,
// so an entry counts for Lifetime at most, and for no longer than garbage
// collection's quarantine: for so long a client may be told that such an object is
// there. Verify never asks the memory.
package presence

import (
	"cmp"
	"encoding/hex"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Lifetime of an entry since the store said that the object is there.
	Lifetime = 5 * time.Minute
	// MaxObjects that are remembered. An entry takes 48 bytes, in a map that may be
	// half empty: 24 MiB at the most.
	MaxObjects = 1 << 18

	shards = 64
)

// Index is garbage collection's index as somebody has read it.
type Index interface {
	// Generation names it; none ever comes back.
	Generation() string
	// Listed is true for an object that it lists, in whatever state.
	Listed(oid string) bool
}

// Memory of one repository. The zero value is an empty one. Safe for concurrent
// use.
type Memory struct {
	// Most objects that are remembered; 0: MaxObjects. It is set before the first use.
	Most int

	current atomic.Pointer[era]
}

// era is the memory under one generation. Forgetting everything is forgetting it.
type era struct {
	perShard   int
	index      Index
	generation string
	began      time.Time
	seed       maphash.Seed
	shards     [shards]shard
}

type shard struct {
	mu    sync.Mutex
	known map[oidBytes]entry // guarded by mu
}

type oidBytes [32]byte

type entry struct {
	size int64
	// at is when it was seen, since the era began: no clock that is set changes it.
	at time.Duration
}

// Known is the memory as it counts for somebody who has read the index. The zero
// value knows nothing and keeps nothing.
type Known struct {
	era      *era
	lifetime time.Duration
}

// Under returns the memory that counts under an index. Its entries are no older
// than Lifetime and longest, which is the quarantine.
func (m *Memory) Under(index Index, longest time.Duration) Known {
	generation := index.Generation()
	for {
		e := m.current.Load()
		if e == nil || e.generation != generation {
			// Two batches that read the index around a change may throw each
			// other's memory away. That ends with the slower of them.
			next := &era{perShard: max(1, cmp.Or(m.Most, MaxObjects)/shards), index: index, generation: generation, began: time.Now(), seed: maphash.MakeSeed()}
			if !m.current.CompareAndSwap(e, next) {
				continue
			}
			e = next
		}
		return Known{era: e, lifetime: min(Lifetime, longest)}
	}
}

// Last returns the memory under the index that was read last, for what is seen
// from here on by somebody who has not read it: it was read before.
func (m *Memory) Last() Known { return Known{era: m.current.Load()} }

// Size of an object in bytes; false where it is not known to be there.
func (k Known) Size(name string) (bytes int64, ok bool) {
	var id oidBytes
	if k.era == nil || !parse(&id, name) {
		return 0, false
	}
	s := k.era.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.known[id]
	if ok && time.Since(k.era.began)-e.at >= k.lifetime {
		delete(s.known, id)
		return 0, false
	}
	return e.size, ok
}

// Add remembers an object that the store was seen to have since the Known was
// taken.
func (k Known) Add(name string, bytes int64) {
	var id oidBytes
	if k.era == nil || !parse(&id, name) || k.era.index.Listed(name) {
		return
	}
	s := k.era.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[oidBytes]entry{}
	}
	if _, there := s.known[id]; !there && len(s.known) >= k.era.perShard {
		for victim := range s.known { // a map begins anywhere
			delete(s.known, victim)
			break
		}
	}
	s.known[id] = entry{size: bytes, at: time.Since(k.era.began)}
}

// shard of an object, by a hash of our own: names are chosen by clients, who might
// like to fill one.
func (e *era) shard(id *oidBytes) *shard {
	return &e.shards[maphash.Bytes(e.seed, id[:])%shards]
}

func parse(id *oidBytes, name string) bool {
	if len(name) != 2*len(id) {
		return false
	}
	_, err := hex.Decode(id[:], []byte(name))
	return err == nil
}
