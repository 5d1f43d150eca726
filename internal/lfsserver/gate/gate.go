// Package gate decides which requests are worked on now, which wait a moment and
// which are told to come back.
//
// A server that takes everything answers nobody in time: work in hand is bounded,
// so that what is admitted is answered about as fast as ever. Those who wait are
// served in turn by principal and not by arrival, so one that floods the server
// delays itself and nobody else.
//
// Whoever cannot be served soon is sent away with a time to come back, which is a
// place in line (places): clients repeat a request only so often, and one that was
// told a time finds its place kept. As long as anybody is in line the gate is
// strict: newcomers get what is left over, few wait, and those only a moment.
package gate

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// perPrincipal may wait, and waitingAtMost of all together.
	perPrincipal, waitingAtMost = 64, 1024
	// crowd is how much of one principal's impatient requests may wait, in sizes of
	// the gate: the last of them waits as long as so many requests take. Sixteen
	// jobs with one token that send batches of 100 objects are no crowd.
	crowd = 4
	// mostWait of an impatient request.
	mostWait = 2 * time.Second
	// strictly may wait of each principal while the gate is strict.
	strictly = 2
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

// visitor waits for so much of the gate.
type visitor struct {
	in     chan struct{}
	weight int
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

// patience is how long a visit may wait, 0 for not at all. The caller holds mu.
func (g *Gate) patience(v Visit, now time.Time) time.Duration {
	switch own := g.queues[v.Who]; {
	case len(own) >= perPrincipal || g.count >= waitingAtMost:
		return 0
	case v.Patience > 0:
		return v.Patience
	case !g.places.taken(now):
		weight := 0
		for _, w := range own {
			weight += w.weight
		}
		if weight >= crowd*g.size {
			return 0
		}
		return mostWait
	case len(own) >= strictly || !g.places.turn(v.Who, v.Key, now):
		return 0
	}
	return min(g.pace.moment(v.Weight), mostWait)
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
	g.in += weight
	return g.leaver(weight)
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
			g.in -= weight
			g.admit(now)
		})
	}
}

// admit lets in whose turn it is, one of each principal after the other. One that
// is too heavy for what is free is waited for. The caller holds mu.
func (g *Gate) admit(now time.Time) {
	for len(g.turn) > 0 {
		who := g.turn[0]
		v := g.queues[who][0]
		if !g.fits(v.weight, now) {
			return
		}
		g.in += v.weight
		g.turn = g.turn[1:]
		g.unqueue(who, 0)
		if len(g.queues[who]) > 0 {
			g.turn = append(g.turn, who)
		}
		close(v.in)
	}
}

// queue, unqueue and remove keep the queues; the caller holds mu.
func (g *Gate) queue(who string, weight int) *visitor {
	v := &visitor{in: make(chan struct{}), weight: weight}
	if len(g.queues[who]) == 0 {
		g.turn = append(g.turn, who)
	}
	g.queues[who] = append(g.queues[who], v)
	g.count++
	return v
}

func (g *Gate) unqueue(who string, i int) {
	q := g.queues[who]
	copy(q[i:], q[i+1:])
	q[len(q)-1] = nil
	if q = q[:len(q)-1]; len(q) == 0 {
		delete(g.queues, who)
	} else {
		g.queues[who] = q
	}
	g.count--
}

// remove is false when the visitor is in already.
func (g *Gate) remove(who string, v *visitor) bool {
	for i, w := range g.queues[who] {
		if w != v {
			continue
		}
		g.unqueue(who, i)
		if len(g.queues[who]) == 0 {
			for j, t := range g.turn {
				if t == who {
					g.turn = append(g.turn[:j], g.turn[j+1:]...)
					break
				}
			}
		}
		return true
	}
	return false
}

// String says how it stands, for tests.
func (g *Gate) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return fmt.Sprintf("%d in, %d waiting", g.in, g.count)
}
