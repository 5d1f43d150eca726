// Package gate decides which requests are worked on now, which wait a moment and
// which are told to come back.
//
// A server that takes everything answers nobody in time: work in hand is bounded,
// so that what is admitted is answered about as fast as ever. Those who wait are
// served in turn by principal and not by arrival, so one that floods the server
// delays itself and nobody else. Whoever cannot be served soon is refused at
// once with a time to come back, and these times are spread as the server can
// serve them: a crowd that was sent away does not return as one.
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
	// mostRetryAfter is the longest time to come back.
	mostRetryAfter = 2 * time.Minute
)

// OverloadedError: not now. Its text is fit for clients.
type OverloadedError struct{ RetryAfter time.Duration }

// Error implements error.
func (e *OverloadedError) Error() string { return "the server is overloaded; try again" }

// Gate admits requests. Safe for concurrent use.
type Gate struct {
	size int

	mu   sync.Mutex
	free int
	// queues of those who wait, by principal, and the principals in turn.
	queues map[string][]*visitor
	turn   []string
	count  int
	// service is how long a request takes, averaged over the last ones.
	service time.Duration
	// promised is until when those who were sent away have been told to come back.
	promised time.Time
}

// visitor waits for so much of the gate.
type visitor struct {
	in     chan struct{}
	weight int
}

// New makes a gate through which requests of so much weight go at once.
func New(size int) *Gate {
	return &Gate{size: size, free: size, queues: map[string][]*visitor{}}
}

// Enter waits for the principal's turn and returns what has to be called when the
// request is done. Weight is how much of the gate it takes, from 1 to its size. It
// returns *OverloadedError when the turn does not come within patience, and at once
// when too many wait. Patience 0 is for clients that come back by themselves: they
// wait where few do.
func (g *Gate) Enter(ctx context.Context, who string, weight int, patience time.Duration) (leave func(), err error) {
	weight = min(max(weight, 1), g.size)
	g.mu.Lock()
	if g.count == 0 && g.free >= weight {
		g.free -= weight
		g.mu.Unlock()
		return g.leaver(weight), nil
	}
	if patience == 0 && g.crowded(who) || len(g.queues[who]) >= perPrincipal || g.count >= waitingAtMost {
		defer g.mu.Unlock()
		return nil, g.refuse(weight)
	}
	v := g.queue(who, weight)
	if patience == 0 {
		patience = mostWait
	}
	g.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-v.in:
		return g.leaver(weight), nil
	case <-timer.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.remove(who, v) {
		return g.leaver(weight), nil // the turn came at the same moment
	}
	g.admit() // a lighter one behind it may fit
	return nil, g.refuse(weight)
}

// Crowded refuses an impatient principal before it is known what is asked, while
// as many of its own requests wait as may. It costs less than reading the request.
func (g *Gate) Crowded(who string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.crowded(who) {
		return nil
	}
	return g.refuse(g.queues[who][0].weight)
}

// crowded is true when a principal's own queue is as long as it may be. The caller
// holds mu.
func (g *Gate) crowded(who string) bool {
	weight := 0
	for _, v := range g.queues[who] {
		weight += v.weight
	}
	return weight >= crowd*g.size
}

// leaver measures one visit.
func (g *Gate) leaver(weight int) func() {
	begin := time.Now()
	var once sync.Once
	return func() { once.Do(func() { g.leave(weight, time.Since(begin)) }) }
}

func (g *Gate) leave(weight int, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.service == 0 {
		g.service = took
	}
	g.service += (took - g.service) / 16
	g.free += weight
	g.admit()
}

// admit lets in whose turn it is, one of each principal after the other. One that
// is too heavy for what is free is waited for. The caller holds mu.
func (g *Gate) admit() {
	for len(g.turn) > 0 {
		who := g.turn[0]
		v := g.queues[who][0]
		if v.weight > g.free {
			return
		}
		g.free -= v.weight
		g.turn = g.turn[1:]
		g.unqueue(who, 0)
		if len(g.queues[who]) > 0 {
			g.turn = append(g.turn, who)
		}
		close(v.in)
	}
}

// refuse reserves a time to come back. The caller holds mu.
func (g *Gate) refuse(weight int) error {
	now := time.Now()
	if soon := now.Add(time.Second); g.promised.Before(soon) {
		g.promised = soon
	}
	// Twice as late as it could be served, since others come meanwhile.
	g.promised = g.promised.Add(2 * g.service * time.Duration(weight) / time.Duration(g.size))
	if latest := now.Add(mostRetryAfter); g.promised.After(latest) {
		g.promised = latest
	}
	return &OverloadedError{RetryAfter: g.promised.Sub(now)}
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
	return fmt.Sprintf("%d in, %d waiting", g.size-g.free, g.count)
}
