// Package poll asks LFS servers how they are, beside the reconcile loop: a slow
// server holds up nobody, and an answer that says nothing new costs nothing.
//
// Every repository has a schedule of its own: fast while something is expected
// to change, slow and jittered after. How many servers are asked at the same
// time is bounded.
package poll

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Schedule says when servers are asked.
type Schedule struct {
	// Fast is the time between two polls while a change is expected.
	Fast time.Duration
	// FastFor is how long that lasts before the interval grows.
	FastFor time.Duration
	// Patient bounds its growth: what is broken is noticed to be well again
	// within it.
	Patient time.Duration
	// Slow is the time between two polls of a server that is Ready, give or take
	// a fifth.
	Slow time.Duration
	// Eager is how long after something happened news of it is looked for: at first
	// after Fast, then each time after twice as long as it has been already.
	Eager time.Duration
}

// DefaultSchedule is that of an operator in a cluster.
var DefaultSchedule = Schedule{
	Fast:    time.Second,
	FastFor: 2 * time.Minute,
	Patient: 10 * time.Second,
	Slow:    30 * time.Second,
	Eager:   15 * time.Second,
}

const (
	// timeout of one request.
	timeout = 3 * time.Second
	// bufferSize of a connection that carries one short request: by default two of
	// 4 KiB each would be made for every one.
	bufferSize = 1 << 10
	// concurrency of requests.
	concurrency = 128
)

// Target is one server process.
type Target struct {
	// Name of the pod.
	Name string
	// URL of the admin port, without a path.
	URL string
}

// Wish says what is to be polled for one repository.
type Wish struct {
	// Targets to ask, all of them each time.
	Targets []Target
	// Token for the status endpoint.
	Token string
	// Fast is true while a change is expected.
	Fast bool
	// Epoch changes when something happened that a server will know of: it is
	// asked at once.
	Epoch string
}

// Answer is what one server said last.
type Answer struct {
	Target Target
	// Status is nil when there is an Err.
	Status *serverstatus.Status
	Err    error
	// misses in a row; see tolerate.
	misses int
}

// Poller polls the servers of many repositories.
type Poller struct {
	// Schedule of all repositories.
	Schedule Schedule

	changed func(types.NamespacedName)
	client  *http.Client
	slots   chan struct{}
	mu      sync.Mutex
	stopped bool
	entries map[types.NamespacedName]*entry
}

// entry is the state of one repository, guarded by Poller.mu.
type entry struct {
	wish      Wish
	answers   []Answer
	timer     *time.Timer
	running   bool
	again     bool
	fastSince time.Time
	happened  time.Time
}

// New makes a Poller that calls changed whenever an answer differs from the one
// before it.
func New(changed func(types.NamespacedName)) *Poller {
	return &Poller{
		Schedule: DefaultSchedule,
		changed:  changed,
		// Pods are asked by their address: no proxy, no redirect, and no
		// connection kept that would outlive a pod.
		client: &http.Client{
			Timeout: timeout,
			Transport: &http.Transport{
				DisableKeepAlives: true,
				ReadBufferSize:    bufferSize,
				WriteBufferSize:   bufferSize,
				DialContext:       (&net.Dialer{Timeout: timeout}).DialContext,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots:   make(chan struct{}, concurrency),
		entries: map[types.NamespacedName]*entry{},
	}
}

// Start keeps the poller alive until the context ends (manager.Runnable).
func (p *Poller) Start(ctx context.Context) error {
	<-ctx.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	for _, e := range p.entries {
		e.timer.Stop()
	}
	return nil
}

// Want sets what is polled for a repository. A changed wish is polled at once.
func (p *Poller) Want(key types.NamespacedName, wish Wish) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	e := p.entries[key]
	if e == nil {
		e = &entry{}
		e.timer = time.AfterFunc(time.Hour, func() { p.run(key) })
		p.entries[key] = e
	}
	now := time.Now()
	if wish.Fast && !e.wish.Fast {
		e.fastSince = now
	}
	news := !reflect.DeepEqual(withoutFast(e.wish), withoutFast(wish))
	faster := wish.Fast && !e.wish.Fast
	e.wish = wish
	switch {
	case news:
		e.happened, e.fastSince = now, now
		// Whoever did not answer before may have been starting.
		e.answers = slices.DeleteFunc(keep(e.answers, wish.Targets), func(a Answer) bool { return a.Status == nil })
		p.soon(e, 0)
	case faster:
		p.soon(e, p.Schedule.Fast)
	}
}

// Calm says that what was expected of a repository has happened. The next wish
// comes with the next event, which may be hours away.
func (p *Poller) Calm(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[key]; e != nil {
		e.wish.Fast = false
	}
}

// Answers returns what the current targets said last. Those are missing that
// were not yet asked, or have not answered and may be starting.
func (p *Poller) Answers(key types.NamespacedName) []Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[key]; e != nil {
		return slices.DeleteFunc(slices.Clone(e.answers), Answer.silent)
	}
	return nil
}

// Forget ends the polling of a repository.
func (p *Poller) Forget(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[key]; e != nil {
		e.timer.Stop()
		delete(p.entries, key)
	}
}

// soon moves the next poll forward; a poll that is under way is followed by another.
func (p *Poller) soon(e *entry, after time.Duration) {
	if e.running {
		e.again = true
		return
	}
	e.timer.Reset(after)
}

// run polls all targets once and plans the next poll.
func (p *Poller) run(key types.NamespacedName) {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()

	p.mu.Lock()
	e := p.entries[key]
	if e == nil || e.running || p.stopped {
		p.mu.Unlock()
		return
	}
	e.running = true
	wish := e.wish
	p.mu.Unlock()

	answers := make([]Answer, 0, len(wish.Targets))
	for _, target := range wish.Targets {
		status, err := p.ask(target, wish.Token)
		answers = append(answers, Answer{Target: target, Status: status, Err: err})
	}

	p.mu.Lock()
	e.running = false
	answers = tolerate(e.answers, keep(answers, e.wish.Targets))
	news := !same(e.answers, answers)
	e.answers = answers
	next := p.Schedule.next(e, time.Now())
	if e.again {
		e.again, next = false, 0
	}
	if p.entries[key] == e && !p.stopped {
		e.timer.Reset(next)
	}
	p.mu.Unlock()

	if news {
		p.changed(key)
	}
}

// next is the time until the next poll.
func (s Schedule) next(e *entry, now time.Time) time.Duration {
	switch {
	case len(e.wish.Targets) == 0:
		return time.Hour
	case missing(e.answers):
		return s.Fast
	case !e.wish.Fast && now.Sub(e.happened) < s.Eager:
		return max(s.Fast, min(2*now.Sub(e.happened), s.Slow))
	case !e.wish.Fast:
		return jitter(s.Slow)
	case now.Sub(e.fastSince) < s.FastFor:
		return s.Fast
	default:
		// Grows with the time already waited: 1 s after two minutes, 10 s after twenty.
		return min(now.Sub(e.fastSince)/(s.FastFor/s.Fast), s.Patient)
	}
}

func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()*0.4-0.2)*float64(d))
}

func withoutFast(w Wish) Wish {
	w.Fast = false
	return w
}

// missesToTell is how often in a row a server must not answer before that is
// news: one lost packet, or a node that is busy for a moment, is none.
const missesToTell = 3

// tolerate keeps what a server said last, if anything, while it has missed only
// a few times. One that answers, and refuses, has not missed.
func tolerate(before, now []Answer) []Answer {
	for i, a := range now {
		if a.Err == nil || errors.Is(a.Err, ErrRefused) {
			continue
		}
		last := Answer{Target: a.Target}
		for _, b := range before {
			if b.Target == a.Target {
				last = b
			}
		}
		last.misses++
		if last.misses < missesToTell {
			now[i] = last
		} else {
			now[i].misses = last.misses
		}
	}
	return now
}

// missing is true while a server has missed, and it is not yet told.
func missing(answers []Answer) bool {
	return slices.ContainsFunc(answers, func(a Answer) bool { return a.misses > 0 && a.misses < missesToTell })
}

// silent has neither answered nor missed often enough.
func (a Answer) silent() bool { return a.Status == nil && a.Err == nil }

// keep drops the answers of targets that are no longer asked.
func keep(answers []Answer, targets []Target) []Answer {
	var out []Answer
	for _, a := range answers {
		for _, t := range targets {
			if a.Target == t {
				out = append(out, a)
			}
		}
	}
	return out
}
