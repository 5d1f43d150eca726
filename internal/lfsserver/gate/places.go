package gate

import (
	"hash/maphash"
	"math/rand/v2"
	"time"
)

const (
	// soonest and latest time to come back. Retry-After has whole seconds.
	soonest, latest = time.Second, 2 * time.Minute
	// farthest place in line. Who holds it is sent away six times, of the eight
	// that git-lfs takes.
	farthest = 6 * latest
	// early is how much before its time a place counts as reached.
	early = 50 * time.Millisecond
	// noShow is how long a place is kept for who does not come.
	noShow = 30 * time.Second
	// unseen is how long the gate stays strict for a line of which nobody comes.
	unseen = 5 * time.Second
	// maxPlaces are remembered, at some 60 bytes each: 16 MiB; of requests that look
	// the same, as those of jobs that clone the same repository, so many.
	maxPlaces, maxTwins = 1 << 18, 16
	// maxPhases of a second.
	maxPhases = 256
)

// places are those in line who were sent away: each has a time at which the work
// that was promised before is done. Every principal has a line of its own, and an
// equal share of the work.
//
// A time to come back has whole seconds, so a client comes at the same phase of a
// second as it went. Were places given just in order, all who are sent away within
// a moment would come back within a moment. So each phase has places of its own,
// and those who come back are spread as evenly as those who were sent away.
type places struct {
	seed  maphash.Seed
	start time.Time
	lines map[string]*line
	count int
	// until is the last place of all lines, looked when they were last looked
	// through, and waiting how many lines had anybody in them then.
	until, looked time.Time
	// seen is when somebody was last sent away or came to a place.
	seen    time.Time
	waiting int
}

// line of one principal.
type line struct {
	held map[uint64]place
	// next free place by phase.
	next  []time.Time
	until time.Time
}

// place in a line.
type place struct {
	// due is when its turn comes, back when it was told to come; since the start.
	due, back time.Duration
	// missed is how often it could not be served though it was due.
	missed uint8
}

func newPlaces() places {
	return places{seed: maphash.MakeSeed(), start: time.Now(), lines: map[string]*line{}}
}

// taken is true while anybody has a place and comes to it: a line of which nobody
// is seen holds nothing up.
func (p *places) taken(now time.Time) bool {
	return now.Before(p.until) && now.Sub(p.seen) < unseen
}

// turn is true for a request that need not stand back: its place has come, or its
// principal has nobody in line.
func (p *places) turn(who, key string, now time.Time) bool {
	l := p.lines[who]
	if l == nil || !now.Before(l.until) {
		return true
	}
	_, held, ok := p.find(l, key, now)
	return ok && now.Sub(p.start) >= held.due-early
}

// take gives a place up: the request is served.
func (p *places) take(who, key string, now time.Time) {
	l := p.lines[who]
	if l == nil {
		return
	}
	if id, _, ok := p.find(l, key, now); ok {
		delete(l.held, id)
		p.count--
		p.seen = now
	}
}

// find returns the place of a request that comes when it was told to. Those that
// cannot be told apart take each other's; one that nobody was told to come with is
// a newcomer.
func (p *places) find(l *line, key string, now time.Time) (id uint64, held place, ok bool) {
	if key == "" {
		return 0, held, false
	}
	first := maphash.String(p.seed, key)
	for id = first; id != first+maxTwins; id++ {
		if held, ok = l.held[id]; ok && now.Sub(p.start) >= held.back-early {
			return id, held, true
		}
	}
	return 0, place{}, false
}

// keep remembers a new place, if there is room.
func (p *places) keep(l *line, key string, held place) {
	if key == "" || p.count >= maxPlaces {
		return
	}
	first := maphash.String(p.seed, key)
	for id := first; id != first+maxTwins; id++ {
		if _, ok := l.held[id]; !ok {
			l.held[id] = held
			p.count++
			return
		}
	}
}

// give returns in how many whole seconds to come back. each is the time that the
// server needs for one such request.
func (p *places) give(who, key string, now time.Time, each time.Duration) time.Duration {
	p.look(now)
	p.seen = now
	l := p.lines[who]
	if l == nil {
		l = &line{held: map[uint64]place{}, next: make([]time.Time, phases(each))}
		p.lines[who] = l
		p.waiting++
	}
	id, held, known := p.find(l, key, now)
	due := p.start.Add(held.due)
	switch {
	case known && now.Before(due.Add(-early)):
		// Its place is farther away than it could be told.
	case known:
		// What was promised was too much. Each time it waits about twice as long, so
		// that eight tries outlast a crowd of two minutes.
		half := time.Second << held.missed
		due = now.Add(half + rand.N(half+1).Truncate(time.Second))
		held.missed = min(held.missed+1, 6)
	default:
		due = l.place(now, each*time.Duration(max(1, p.waiting)))
	}
	wait := min(max((due.Sub(now)+time.Second-1).Truncate(time.Second), soonest), latest)
	held.due, held.back = due.Sub(p.start), now.Add(wait).Sub(p.start)
	if known {
		l.held[id] = held
	} else {
		p.keep(l, key, held)
	}
	if l.until.Before(due) {
		l.until = due
	}
	if p.until.Before(due) {
		p.until = due
	}
	return wait
}

// place finds the next free one at this phase of a second. each is the time between
// two that this line may have.
func (l *line) place(now time.Time, each time.Duration) time.Time {
	next := &l.next[int64(now.Nanosecond())*int64(len(l.next))/int64(time.Second)]
	if first := now.Add(soonest); next.Before(first) {
		*next = first
	}
	if last := now.Add(farthest); next.After(last) {
		*next = last
	}
	seconds := (next.Sub(now) + time.Second - 1).Truncate(time.Second)
	*next = next.Add(each * time.Duration(len(l.next)))
	return now.Add(seconds)
}

// phases of a second, so that each has place for a few.
func phases(each time.Duration) int {
	return int(min(max(time.Second/2/max(each, 1), 1), maxPhases))
}

// look forgets lines that have ended, and places that nobody has come to.
func (p *places) look(now time.Time) {
	if now.Sub(p.looked) < time.Second {
		return
	}
	p.looked, p.waiting = now, 0
	for who, l := range p.lines {
		switch {
		case now.After(l.until.Add(noShow)):
			p.count -= len(l.held)
			delete(p.lines, who)
		case now.Before(l.until):
			p.waiting++
		}
	}
	if p.count < maxPlaces {
		return
	}
	for _, l := range p.lines {
		for h, held := range l.held {
			if now.After(p.start.Add(held.due + noShow)) {
				delete(l.held, h)
				p.count--
			}
		}
	}
}
