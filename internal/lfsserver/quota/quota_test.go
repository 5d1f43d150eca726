package quota_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/quota"
)

const (
	prefix = layout.Prefix("p/")
	limit  = 10_000
	life   = time.Hour
)

// world is a bucket with servers that share its quota, and clients with links.
type world struct {
	t       *testing.T
	bucket  *gctest.Memory
	random  *rand.Rand
	servers []*quota.Ledger
	links   []link
	counts  []counting
	next    int
}

type link struct {
	oid  string
	size int
	ends time.Time
}

// counting is a count under way: of what was there when each half was listed.
type counting struct {
	*quota.Count
	listed map[string]int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, bucket: gctest.NewMemory(), random: rand.New(rand.NewPCG(seed, 1))}
	for range 3 {
		w.servers = append(w.servers, w.server())
	}
	return w
}

func (w *world) server() *quota.Ledger { return quota.New(w.bucket.Now, func() {}) }

func (w *world) reserve(l *quota.Ledger, oid string, size int) error {
	return l.Reserve(w.t.Context(), w.bucket, prefix, limit, oid, int64(size), life)
}

// stored in final keys, without the faults of the store.
func (w *world) stored() (sum int) {
	for _, k := range w.bucket.Keys(prefix.Objects()) {
		sum += len(w.bucket.Body(k))
	}
	return sum
}

func (w *world) object() (oid string, size int) {
	w.next++
	return fmt.Sprintf("%064x", w.next), 1 + w.random.IntN(400)
}

// count lists everything at once.
func (w *world) count(l *quota.Ledger) {
	w.t.Helper()
	w.begin(l)
	w.end(len(w.counts) - 1)
}

func (w *world) begin(l *quota.Ledger) {
	c, err := l.Begin(w.t.Context(), w.bucket, prefix)
	if err != nil {
		return // the store's fault
	}
	w.counts = append(w.counts, counting{c, w.list("")})
}

// list what is there now, from a key on.
func (w *world) list(from string) map[string]int {
	out := map[string]int{}
	for _, k := range w.bucket.Keys(prefix.Objects()) {
		if k > from {
			out[k] = len(w.bucket.Body(k))
		}
	}
	return out
}

// end finishes a count: what its second half passes it sees as it is now.
func (w *world) end(i int) {
	c := w.counts[i]
	w.counts = append(w.counts[:i], w.counts[i+1:]...)
	half := prefix.Object(fmt.Sprintf("%064x", w.next/2))
	for k := range c.listed {
		if k > half {
			delete(c.listed, k)
		}
	}
	for k, n := range w.list(half) {
		c.listed[k] = n
	}
	sum := 0
	for k, n := range c.listed {
		sum += n
		c.Saw(k[strings.LastIndexByte(k, '/')+1:])
	}
	_ = c.Publish(w.t.Context(), int64(sum)) // the store may fail
}

// step does one thing of all that can happen.
func (w *world) step() {
	server := w.random.IntN(len(w.servers))
	l := w.servers[server]
	switch n := w.random.IntN(100); {
	case n < 45: // somebody asks for a link
		oid, size := w.object()
		if len(w.links) > 0 && n < 5 {
			old := w.links[w.random.IntN(len(w.links))]
			oid, size = old.oid, old.size
		}
		if err := w.reserve(l, oid, size); err == nil {
			w.links = append(w.links, link{oid, size, w.bucket.Now().Add(life)})
		}
	case n < 75: // somebody uses one, in time
		if len(w.links) == 0 {
			return
		}
		i := w.random.IntN(len(w.links))
		if k := w.links[i]; w.bucket.Now().Before(k.ends) {
			w.bucket.Set(prefix.Object(k.oid), strings.Repeat("x", k.size))
		}
		w.links = append(w.links[:i], w.links[i+1:]...)
	case n < 82:
		w.begin(l)
	case n < 90:
		if len(w.counts) > 0 {
			w.end(w.random.IntN(len(w.counts)))
		}
	case n < 93: // garbage collection
		if keys := w.bucket.Keys(prefix.Objects()); len(keys) > 0 {
			w.bucket.Remove(keys[w.random.IntN(len(keys))])
		}
	case n < 95: // killed, or told to stop
		if n == 93 {
			_ = l.Close(w.t.Context(), w.bucket, prefix)
		}
		w.servers[server], w.counts = w.server(), nil
	default:
		w.bucket.Advance(time.Duration(w.random.IntN(int(life / 8))))
	}
}

// TestSchedules: whatever happens in which order, with a store that fails before and
// after its writes, never more is stored than the quota allows; and once the links
// have ended and somebody has counted, all that is free can be had.
func TestSchedules(t *testing.T) {
	schedules := 400
	if testing.Short() {
		schedules = 50
	}
	full := 0
	for seed := range schedules {
		w := newWorld(t, uint64(seed))
		w.count(w.servers[0])
		fault := func(string, string) error {
			if w.random.IntN(40) == 0 {
				return objectstore.ErrUnavailable
			}
			return nil
		}
		w.bucket.Before, w.bucket.After = fault, fault
		for i := range 400 {
			w.step()
			if got := w.stored(); got > limit {
				t.Fatalf("seed %d, step %d: %d bytes stored of %d allowed", seed, i, got, limit)
			} else if got > limit*8/10 {
				full++
			}
		}
		w.bucket.Before, w.bucket.After = nil, nil
		w.bucket.Advance(24 * time.Hour)
		w.counts = nil
		w.count(w.servers[0])
		oid, _ := w.object()
		if err := w.reserve(w.servers[1], oid, limit-w.stored()); err != nil {
			t.Fatalf("seed %d: %d of %d bytes are stored, nothing is under way, and yet: %v", seed, w.stored(), limit, err)
		}
	}
	if full < schedules {
		t.Errorf("only %d steps came near to the quota", full)
	}
}

// TestTogether: servers that fill the repository at the same time get all of it,
// and not a byte more.
func TestTogether(t *testing.T) {
	w := newWorld(t, 1)
	w.count(w.servers[0])
	var mu sync.Mutex
	granted := 0
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for n := range 100 {
				err := w.reserve(w.servers[i%2], fmt.Sprintf("%064x", 1000*i+n), 25)
				exceeded := new(quota.ExceededError)
				switch {
				case err == nil:
					mu.Lock()
					granted += 25
					mu.Unlock()
				case !errors.As(err, &exceeded):
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if granted > limit || granted < limit*95/100 {
		t.Errorf("%d bytes were let in, of %d", granted, limit)
	}
}

// TestSettled: what one server has let in, and another counts, is held once.
func TestSettled(t *testing.T) {
	w := newWorld(t, 1)
	w.count(w.servers[0])
	put := func(server int, oid string, size int) {
		t.Helper()
		if err := w.reserve(w.servers[server], oid, size); err != nil {
			t.Fatal(err)
		}
		w.bucket.Set(prefix.Object(oid), strings.Repeat("x", size))
	}
	a, b, c := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)
	put(0, a, 4000)
	if err := w.servers[0].Close(t.Context(), w.bucket, prefix); err != nil {
		t.Fatal(err)
	}
	w.count(w.servers[1])
	put(1, b, 5000)
	w.bucket.Advance(time.Minute)
	w.count(w.servers[2])
	w.count(w.servers[1])
	put(2, c, 1000)
}

// TestKilled: the claim of a server that is gone lasts as long as its last link, though
// that was given long after the claim was written.
func TestKilled(t *testing.T) {
	w := newWorld(t, 1)
	w.count(w.servers[0])
	early, late := strings.Repeat("a", 64), strings.Repeat("b", 64)
	if err := w.reserve(w.servers[0], early, 10); err != nil {
		t.Fatal(err)
	}
	w.bucket.Advance(life + life/4)
	if err := w.reserve(w.servers[0], late, 1000); err != nil {
		t.Fatal(err)
	}
	w.bucket.Advance(life / 2)
	w.count(w.servers[1])
	if err := w.reserve(w.servers[1], strings.Repeat("c", 64), limit-500); err == nil {
		t.Error("the bytes of a link that still works were given away")
	}
	w.bucket.Advance(2 * life)
	if err := w.reserve(w.servers[1], strings.Repeat("c", 64), limit-500); err != nil {
		t.Errorf("the bytes of a link that has ended stay claimed: %v", err)
	}
}

// TestRefusal: the message says what is used, allowed and asked, and a refusal of many
// objects asks the store once.
func TestRefusal(t *testing.T) {
	w := newWorld(t, 1)
	if err := w.reserve(w.servers[0], strings.Repeat("a", 64), 1); !errors.Is(err, quota.ErrUncounted) {
		t.Fatalf("before the first count: %v", err)
	}
	w.bucket.Set(prefix.Object(strings.Repeat("f", 64)), strings.Repeat("x", 6000))
	w.count(w.servers[0])
	calls := 0
	w.bucket.Before = func(string, string) error { calls++; return nil }
	for i := range 100 {
		err := w.reserve(w.servers[0], fmt.Sprintf("%064x", i), 5000)
		exceeded := new(quota.ExceededError)
		if !errors.As(err, &exceeded) || *exceeded != (quota.ExceededError{Used: 6000, Limit: limit, Asked: 5000}) {
			t.Fatalf("%v", err)
		}
	}
	if calls > 2 {
		t.Errorf("%d calls to the store for refusals", calls)
	}
	if err := w.reserve(w.servers[0], strings.Repeat("a", 64), 4000); err != nil {
		t.Errorf("the rest does not fit: %v", err)
	}
}

// TestPatience: a store that hangs keeps nobody longer than their deadline.
func TestPatience(t *testing.T) {
	w := newWorld(t, 1)
	w.count(w.servers[0])
	hold := make(chan struct{})
	w.bucket.Before = func(string, string) error { <-hold; return nil }
	var group sync.WaitGroup
	group.Go(func() { _ = w.reserve(w.servers[0], strings.Repeat("a", 64), 1) })
	ctx, cancel := context.WithCancel(t.Context())
	group.Go(func() {
		cancel()
		if err := w.servers[0].Reserve(ctx, w.bucket, prefix, limit, strings.Repeat("b", 64), 1, life); err == nil {
			t.Error("answered though the record could not be read")
		}
		close(hold)
	})
	group.Wait()
}
