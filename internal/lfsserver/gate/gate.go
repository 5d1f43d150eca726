// Package gate decides which requests are worked on now, which wait a moment and
// which are told to come back.
//
// A server that takes everything answers nobody in time: work in hand is bounded,
// so that what is admitted is answered about as fast as ever. Those who wait are
// served in turn by principal and not by arrival, so one that floods the server
// delays itself and nobody else.
//
// Whoever cannot be served soon is sent away with a time to come back and a place in
// line (places): clients repeat a request only so often, and one that comes at its
// time or later finds its place kept. As long as anybody is in line the gate is
// strict: newcomers get what is left over, few wait, and those only a moment.
// Whenever there is room for it, whoever comes is let in.
package gate

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// OverloadedError: not now. Its text is fit for clients.
type OverloadedError struct{ RetryAfter time.Duration }

// Error implements error.
func (e *OverloadedError) Error() string { return "the server is overloaded; try again" }

// Visit is a request to be let in.
type Visit struct {
	// Who asks: the principal.
	Who string
	// Key is what the request is known by among those of Who when it comes back;
	// empty for one that is not known again.
	Key string
	// Weight is how much of the gate it takes, from 1 to its size.
	Weight int
	// Patience is how long it waits for its turn. 0 is for clients that come back
	// by themselves: they wait where few do.
	Patience time.Duration
}

// Gate admits requests. Safe for concurrent use.
type Gate struct {
	size int

	mu sync.Mutex
	// in is the weight of all that is worked on.
	in int
	// queues of those who wait, by principal, and the principals in turn.
	queues map[string][]*visitor
	turn   []string
	count  int
	pace   pace
	places places
}

// New makes a gate through which requests of so much weight go at once.
func New(size int) *Gate {
	return &Gate{size: size, queues: map[string][]*visitor{}, pace: newPace(size), places: newPlaces()}
}

// Enter waits for a visit's turn and returns what has to be called when the request
// is done. It returns *OverloadedError when the turn does not come in time, and at
// once when too many wait.
func (g *Gate) Enter(ctx context.Context, v Visit) (leave func(), err error) {
	v.Weight = min(max(v.Weight, 1), g.size)
	g.mu.Lock()
	now := time.Now()
	if g.count == 0 && g.fits(v.Weight, now) {
		g.places.take(v.Who, v.Key, now)
		leave = g.enter(v.Weight)
		g.mu.Unlock()
		return leave, nil
	}
	patience := g.patience(v, now)
	if patience == 0 {
		defer g.mu.Unlock()
		return nil, g.refuse(v, now)
	}
	waiting := g.queue(v.Who, v.Weight)
	g.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	gone := false
	select {
	case <-waiting.in:
	case <-timer.C:
	case <-ctx.Done():
		gone = true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now = time.Now()
	if !g.remove(v.Who, waiting) { // its turn has come
		g.places.take(v.Who, v.Key, now)
		return g.leaver(v.Weight), nil
	}
	g.admit(now) // a lighter one behind it may fit
	if gone {
		return nil, &OverloadedError{RetryAfter: soonest}
	}
	return nil, g.refuse(v, now)
}

// Refused refuses an impatient visit that would not be let in, before it is known
// what is asked: that costs less than reading the request.
func (g *Gate) Refused(v Visit) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	v.Weight = g.pace.usual()
	if g.count == 0 && g.fits(v.Weight, now) || g.patience(v, now) > 0 {
		return nil
	}
	return g.refuse(v, now)
}

// fits is true for what can go in at once. The caller holds mu.
func (g *Gate) fits(weight int, now time.Time) bool {
	limit := g.size
	if g.places.taken(now) {
		limit = g.pace.limit()
	}
	return g.in == 0 || g.in+weight <= limit
}

// refuse gives a place in line. The caller holds mu.
func (g *Gate) refuse(v Visit, now time.Time) error {
	if v.Patience > 0 {
		return &OverloadedError{RetryAfter: soonest} // it is not known to come back
	}
	return &OverloadedError{RetryAfter: g.places.give(v.Who, v.Key, now, g.pace.each(v.Weight))}
}

// enter takes weight off the gate; the caller holds mu.
func (g *Gate) enter(weight int) (leave func()) {
	g.change(weight, time.Now())
	return g.leaver(weight)
}

// change what is worked on. It was full before if nothing more could come in. The
// caller holds mu.
func (g *Gate) change(by int, now time.Time) (full bool) {
	full = !g.fits(g.pace.usual(), now)
	g.pace.tick(now, full)
	g.in += by
	return full
}

// leaver measures one visit that is in. The caller holds mu.
func (g *Gate) leaver(weight int) func() {
	begin := time.Now()
	alone := g.pace.came(g.in == weight)
	var once sync.Once
	return func() {
		once.Do(func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			now := time.Now()
			g.pace.left(weight, begin, now, alone, g.count > 0 || g.places.taken(now))
			if g.change(-weight, now) {
				g.pace.done(weight)
			}
			g.admit(now)
		})
	}
}

// String says how it stands, for tests.
func (g *Gate) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return fmt.Sprintf("%d in, %d waiting", g.in, g.count)
}
