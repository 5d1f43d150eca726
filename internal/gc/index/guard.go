package index

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Guard is what an LFS server asks before it answers an upload batch. It is safe
// for concurrent use.
//
// For every upload batch, in this order (a failure anywhere is answered with
// 429, never with "upload it" and never with "it is there"):
//
//  1. Begin, once for the batch.
//  2. State of each object: Deleting is answered with 429 and RetryAfter.
//     Condemned needs Rescue first, whether the object is present or not.
//  3. Only then look for the object, in the store or in memory.
//  4. Answer before Deadline, or with 429.
//
// What a server remembers as present carries the Generation of the view that it
// was found under, does not count under any other, and is never kept for an
// object whose State is not None.
type Guard struct {
	bucket objectstore.Bucket
	prefix layout.Prefix

	mu      sync.Mutex
	current *snapshot // guarded by mu
	next    *reading  // the one that has not begun, guarded by mu
	running int       // readings under way, guarded by mu
}

// NewGuard returns a Guard over one repository's prefix.
func NewGuard(b objectstore.Bucket, p layout.Prefix) *Guard {
	return &Guard{bucket: b, prefix: p, current: &snapshot{}}
}

// snapshot is an index as a server needs it: 33 bytes for each entry.
type snapshot struct {
	etag     string
	header   Header
	oids     []byte // sorted, 32 bytes each
	states   []State
	deleting bool
}

// View is the index at the beginning of one batch.
type View struct {
	*snapshot
	guard *Guard
	// Deadline is when the batch must have been answered.
	Deadline time.Time
}

// RetryAfter is what to tell a client that asks for an object that is being deleted.
const RetryAfter = 15 * time.Second

// Begin reads the index: one conditional GET.
func (g *Guard) Begin(ctx context.Context) (View, error) {
	deadline := time.Now().Add(AnswerWithin)
	s, err := g.await(ctx)
	if err != nil {
		return View{}, err
	}
	if s.deleting && g.revert(ctx, s) {
		deadline = time.Now().Add(AnswerWithin)
		if s, err = g.await(ctx); err != nil {
			return View{}, err
		}
	}
	return View{snapshot: s, guard: g, Deadline: deadline}, nil
}

func (g *Guard) read(ctx context.Context) (*snapshot, error) {
	g.mu.Lock()
	known := g.current
	g.mu.Unlock()
	body, info, err := g.bucket.Get(ctx, g.prefix.GCIndex(), known.etag)
	switch {
	case errors.Is(err, objectstore.ErrNotModified):
		return known, nil
	case errors.Is(err, objectstore.ErrNotFound):
		return g.keep(&snapshot{}), nil
	case err != nil:
		return nil, fmt.Errorf("reading the garbage collection index: %w", err)
	}
	defer body.Close()
	s := &snapshot{etag: info.ETag}
	s.header, err = scan(body, s.add)
	if err != nil {
		return nil, err
	}
	return g.keep(s), nil
}

func (g *Guard) keep(s *snapshot) *snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	// A slow read must not bring an old index back; its own batch still uses it.
	if s.header.Generation >= g.current.header.Generation || s.etag == "" {
		g.current = s
	}
	return s
}

func (s *snapshot) add(oid []byte, state State, _ []byte) error {
	var raw [32]byte
	if _, err := hex.Decode(raw[:], oid); err != nil {
		return err
	}
	s.oids = append(s.oids, raw[:]...)
	s.states = append(s.states, state)
	s.deleting = s.deleting || state == Deleting
	return nil
}

// State of an object when the batch began.
func (v View) State(oid string) State {
	raw, err := hex.DecodeString(oid)
	if err != nil || len(raw) != 32 {
		return None
	}
	i := sort.Search(len(v.states), func(i int) bool { return bytes.Compare(v.oids[32*i:32*i+32], raw) >= 0 })
	if i == len(v.states) || !bytes.Equal(v.oids[32*i:32*i+32], raw) {
		return None
	}
	return v.states[i]
}

// Rescue leaves a marker that keeps a condemned object alive. Without it the
// object must be answered with 429.
func (v View) Rescue(ctx context.Context, oid string) error {
	key := v.guard.prefix.GCRescued(generationName(v.header.Generation)) + oid
	const body = "{}\n"
	_, err := v.guard.bucket.Put(ctx, key, strings.NewReader(body), int64(len(body)), objectstore.Condition{})
	if err != nil {
		return fmt.Errorf("rescuing %s: %w", oid, err)
	}
	return nil
}

// Generation names the index as read; what is remembered as present is tagged
// with it and flushed when it changes.
func (v View) Generation() string {
	return fmt.Sprintf("%d-%s", v.header.Generation, v.header.Nonce)
}

// revert puts an index whose run has died back to condemned once its lease is
// over, so that clients need not wait for the next run. It says whether the
// index should be read again.
func (g *Guard) revert(ctx context.Context, s *snapshot) bool {
	info, err := g.bucket.Head(ctx, g.prefix.GCIndex())
	if err != nil || !info.Date.After(s.header.LeaseEnd.Add(TakeoverMargin)) {
		return false
	}
	r, err := Load(ctx, g.bucket, g.prefix)
	if err != nil || r.ETag != s.etag {
		return true
	}
	_, err = Store(ctx, g.bucket, g.prefix, r, r.Reverted())
	return err == nil || errors.Is(err, ErrConflict)
}

// Reverted is the next index with nothing in state Deleting any more.
func (x Index) Reverted() Index {
	next := x.Next()
	for i := range next.Entries {
		next.Entries[i].State = Condemned
	}
	return next
}
