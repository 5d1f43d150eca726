package gctest

import (
	"context"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Scheduler decides at random what happens next. It runs inside a bubble of
// testing/synctest: every call to the store stops before it is carried out and
// before it is answered, until the scheduler lets it go on, or lets time pass.
type Scheduler struct {
	mu sync.Mutex
	// Habits may be set before the schedule begins.
	Habits
	rng     *rand.Rand // guarded by mu
	waiting []waiter   // guarded by mu
	// calls under way, also those whose caller has given up.
	calls atomic.Int64
	// deletes are those of them that delete.
	deletes atomic.Int64
}

// Habits are what one schedule has more of than another. Drawing them anew for
// each seed reaches corners that an even mixture hardly ever sees (A. Groce et
// al., "Swarm Testing", ISSTA 2012).
type Habits struct {
	// LongPause is how long a call is held up at most, one in Pauses of them.
	LongPause time.Duration
	Pauses    int
	// Faults: one call in so many fails; 0 for none.
	Faults int
	// Ticks: when calls wait, time passes all the same one time in so many.
	Ticks int
	// Unfair picks the waiting call with the highest priority, which each call draws
	// as it comes. Some are then overtaken by all that happens meanwhile (S.
	// Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of
	// Finding Bugs", ASPLOS 2010).
	Unfair bool
}

var calm = Habits{Ticks: 8}

// Calm ends all that holds calls up or lets them fail.
func (s *Scheduler) Calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Habits = calm
}

type waiter struct {
	turn     chan struct{}
	priority uint64
}

// fault of a call.
type fault int

const (
	sound   fault = iota
	failed        // it is not carried out
	muted         // it is carried out, and its answer is lost
	delayed       // its answer is lost at once, and it is carried out later
)

func (s *Scheduler) fault() fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Faults == 0 || s.rng.IntN(s.Faults) > 0 {
		return sound
	}
	return []fault{failed, muted, delayed}[s.rng.IntN(3)]
}

// NewScheduler returns one whose decisions follow from the seed.
func NewScheduler(seed uint64) *Scheduler {
	return &Scheduler{Habits: calm, rng: rand.New(rand.NewPCG(seed, 1))}
}

// Stop waits until the scheduler picks the caller.
func (s *Scheduler) Stop() {
	if pause := s.pause(); pause > 0 {
		time.Sleep(pause)
	}
	w := waiter{turn: make(chan struct{})}
	s.mu.Lock()
	w.priority = s.rng.Uint64()
	s.waiting = append(s.waiting, w)
	s.mu.Unlock()
	<-w.turn
}

func (s *Scheduler) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.LongPause == 0 || s.rng.IntN(s.Pauses) > 0 {
		return 0
	}
	return time.Duration(s.rng.Int64N(int64(s.LongPause)))
}

// Rand is a number below n that follows from the seed.
func (s *Scheduler) Rand(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

// Run picks until done says so. Now and then it lets time pass, up to tick.
func (s *Scheduler) Run(tick time.Duration, done func() bool) {
	for {
		synctest.Wait()
		if done() && s.calls.Load() == 0 {
			return
		}
		if turn := s.pick(); turn != nil {
			close(turn)
			continue
		}
		time.Sleep(time.Duration(s.Rand(int(tick))))
	}
}

// pick takes one of those who wait, or nobody: then time passes.
func (s *Scheduler) pick() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.waiting)
	if n == 0 || s.rng.IntN(s.Ticks) == 0 {
		return nil
	}
	i := s.rng.IntN(n)
	if s.Unfair {
		for j, w := range s.waiting {
			if w.priority > s.waiting[i].priority {
				i = j
			}
		}
	}
	turn := s.waiting[i].turn
	s.waiting = slices.Delete(s.waiting, i, i+1)
	return turn
}

// Scheduled is a Memory whose calls a Scheduler orders. A call of which the
// caller has given up may still land later.
type Scheduled struct {
	*Memory
	S *Scheduler
	// Deleted, where set, is told of each delete that has landed, at once.
	Deleted func(Deletion)
}

// Deletion is what a delete has done to a key.
type Deletion struct {
	Key string
	// Version that was named; empty for none.
	Version string
	// Before and After it, readers get these versions, empty for none.
	Before, After string
	// Had and Left are how many versions with content there were and are.
	Had, Left int
}

// deletion carries out f and tells of what has become of the key.
func (s Scheduled) deletion(key, version string, f func()) {
	d := Deletion{Key: key, Version: version}
	d.Before, d.Had = s.readable(key)
	f()
	d.After, d.Left = s.readable(key)
	if s.Deleted != nil {
		s.Deleted(d)
	}
}

// Deleting is how many deletes are under way, also those whose caller has given up.
func (s *Scheduler) Deleting() int { return int(s.deletes.Load()) }

// Call carries out f as a call of a client's own, such as an upload.
func (s Scheduled) Call(ctx context.Context, f func()) {
	do(ctx, s.S, func() struct{} { f(); return struct{}{} }, struct{}{})
}

// do carries out f when it is its turn; the caller hears of it one turn later, or
// gives up with its context.
func do[T any](ctx context.Context, s *Scheduler, f func() T, lost T) T {
	return doAs(ctx, s, new(atomic.Int64), f, lost)
}

// doAs also counts the call as one of a kind.
func doAs[T any](ctx context.Context, s *Scheduler, kind *atomic.Int64, f func() T, lost T) T {
	if ctx.Err() != nil {
		return lost
	}
	out := make(chan T, 1)
	s.calls.Add(1)
	kind.Add(1)
	go func() {
		defer s.calls.Add(-1)
		defer kind.Add(-1)
		fault := s.fault()
		if fault == delayed {
			out <- lost
		}
		s.Stop()
		v := lost
		if fault != failed {
			v = f()
		}
		if fault == delayed {
			return
		}
		s.Stop()
		if fault == muted {
			v = lost
		}
		out <- v
	}()
	select {
	case v := <-out:
		return v
	case <-ctx.Done():
		return lost
	}
}

type result struct {
	body io.ReadCloser
	info objectstore.Info
	list []objectstore.Info
	all  []objectstore.Version
	resp *http.Response
	err  error
}

var lost = result{err: objectstore.ErrUnavailable}

// Put implements objectstore.Bucket.
func (s Scheduled) Put(ctx context.Context, key string, body io.Reader, size int64, cond objectstore.Condition) (objectstore.Info, error) {
	r := do(ctx, s.S, func() (r result) {
		r.info, r.err = s.Memory.Put(context.WithoutCancel(ctx), key, body, size, cond)
		return r
	}, lost)
	return r.info, r.err
}

// Get implements objectstore.Bucket.
func (s Scheduled) Get(ctx context.Context, key, etag string) (io.ReadCloser, objectstore.Info, error) {
	r := do(ctx, s.S, func() (r result) {
		r.body, r.info, r.err = s.Memory.Get(context.WithoutCancel(ctx), key, etag)
		return r
	}, lost)
	return r.body, r.info, r.err
}

// Head implements objectstore.Bucket.
func (s Scheduled) Head(ctx context.Context, key string) (objectstore.Info, error) {
	r := do(ctx, s.S, func() (r result) {
		r.info, r.err = s.Memory.Head(context.WithoutCancel(ctx), key)
		return r
	}, lost)
	return r.info, r.err
}

// List implements objectstore.Bucket.
func (s Scheduled) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		r := do(ctx, s.S, func() (r result) {
			for i, err := range s.Memory.List(context.WithoutCancel(ctx), prefix, startAfter) {
				r.list, r.err = append(r.list, i), err
			}
			return r
		}, lost)
		if r.err != nil {
			yield(objectstore.Info{}, r.err)
			return
		}
		for _, i := range r.list {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// Delete implements objectstore.Bucket.
func (s Scheduled) Delete(ctx context.Context, key, version string) error {
	return doAs(ctx, s.S, &s.S.deletes, func() (r result) {
		s.deletion(key, version, func() { r.err = s.Memory.Delete(context.WithoutCancel(ctx), key, version) })
		return r
	}, lost).err
}

// ListVersions implements objectstore.Versions.
func (s Scheduled) ListVersions(ctx context.Context, prefix string) iter.Seq2[objectstore.Version, error] {
	return func(yield func(objectstore.Version, error) bool) {
		r := do(ctx, s.S, func() (r result) {
			for v, err := range s.Memory.ListVersions(context.WithoutCancel(ctx), prefix) {
				r.all, r.err = append(r.all, v), err
			}
			return r
		}, lost)
		if r.err != nil {
			yield(objectstore.Version{}, r.err)
			return
		}
		for _, v := range r.all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Do carries out a presigned DELETE.
func (s Scheduled) Do(req *http.Request) (*http.Response, error) {
	r := doAs(req.Context(), s.S, &s.S.deletes, func() (r result) {
		q := req.URL.Query()
		s.deletion(q.Get("key"), q.Get("version"), func() {
			r.resp, r.err = s.Memory.Do(req.WithContext(context.WithoutCancel(req.Context())))
		})
		return r
	}, lost)
	return r.resp, r.err
}
