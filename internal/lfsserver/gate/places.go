package gate

import (
	"hash/maphash"
	"math/rand/v2"
	"time"
)

const (
	// soonest and latest time to come back. Retry-After has whole seconds, and the
	// git-lfs of today gives up where it is told more than five minutes.
	soonest, latest = time.Second, 2 * time.Minute
	// lookIn is for those whose turn is after latest: they are told to come this much
	// earlier than latest at the most, and find out whether the line has moved faster.
	lookIn = 30 * time.Second
	// spread is by how much of the wait, and at least leastSpread, a time to come back
	// may differ from what was worked out, so that as many come at any time.
	spread, leastSpread = 0.15, 2 * time.Second
	// near is how soon its turn must be for a client to wait at the gate with others.
	near = 2 * time.Second
	// early is how much before its time a client may come.
	early = 50 * time.Millisecond
	// noShow is how long a place is kept for who does not come.
	noShow = 30 * time.Second
	// unseen is how long the gate stays strict for lines of which nobody comes.
	unseen = 5 * time.Second
	// maxPlaces are remembered, at some 70 bytes each: 18 MiB; of requests that look
	// the same, as those of jobs that clone the same repository, so many.
	maxPlaces, maxTwins = 1 << 18, 16
	// maxLines of some 500 bytes each.
	maxLines = 1 << 13
	// lookEvery so often those are forgotten who did not come.
	lookEvery = 10 * time.Second
)

// places are those in line who were sent away. Every principal has a line of its own
// and an equal share of the work. A time to come back says when those before it will
// have been served, at the pace of now. Whoever finds at that time that it took
// longer keeps its place, and is told anew.
type places struct {
	seed  maphash.Seed
	start time.Time
	lines map[string]*line
	// count of places in all lines.
	count    int
	calendar calendar
	// seen is when somebody was last sent away or came to a place, came when the last
	// one came to a place, looked when those who did not come were last forgotten.
	seen, came, looked time.Time
}

// place in a line.
type place struct {
	// back is when its client was told to come, since the start.
	back time.Duration
	// since is the second in which the client was first sent away.
	since uint32
	// refused is how often it was.
	refused uint8
}

func newPlaces() places {
	return places{seed: maphash.MakeSeed(), start: time.Now(), lines: map[string]*line{}}
}

// taken is true while anybody has a place and some come to theirs: lines of which
// nobody is seen hold nothing up.
func (p *places) taken(now time.Time) bool {
	return p.count > 0 && now.Sub(p.seen) < unseen
}

// standing of a request among those of its principal.
type standing struct {
	// inLine is how many of the principal are, before of them those who came first;
	// 0 where none of them is seen.
	inLine, before int
	// known is true for one that comes when it was told to, and refused is how often
	// it was sent away.
	known   bool
	refused int
}

// standing of a request that comes.
func (p *places) standing(who, key string, now time.Time) standing {
	l := p.lines[who]
	if l == nil {
		return standing{}
	}
	if _, held, ok := p.find(l, key, now); ok {
		s := standing{inLine: len(l.held), known: true, refused: int(held.refused)}
		if now.Sub(p.came) < unseen {
			s.before, _ = l.before(held.since)
		}
		return s
	}
	return standing{inLine: len(l.held)}
}

// until is when the turn comes of one that has so many of its line before it. each
// is the time that the server needs for one of them.
func (p *places) until(before int, each time.Duration) time.Duration {
	seconds := float64(before) * float64(max(1, len(p.lines))) * each.Seconds()
	return time.Duration(min(seconds, time.Hour.Seconds()) * float64(time.Second))
}

// take gives a place up: the request is served.
func (p *places) take(who, key string, now time.Time) {
	l := p.lines[who]
	if l == nil {
		return
	}
	if id, _, ok := p.find(l, key, now); ok {
		p.leave(who, l, id)
		p.seen, p.came = now, now
	}
}

// leave ends a place.
func (p *places) leave(who string, l *line, id uint64) {
	l.leave(id)
	p.count--
	if len(l.held) == 0 {
		delete(p.lines, who)
	}
}

// find returns the place of a request that comes when it was told to, or later.
// Those that cannot be told apart take each other's; one that nobody was told to
// come with is a newcomer.
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

// free returns what a new place is held by, if there is room. Nobody comes back to
// that of a request without a key, but it counts.
func (p *places) free(l *line, key string) (id uint64, ok bool) {
	switch {
	case p.count >= maxPlaces:
		return 0, false
	case key == "":
		return rand.Uint64(), true
	}
	first := maphash.String(p.seed, key)
	for id = first; id != first+maxTwins; id++ {
		if _, taken := l.held[id]; !taken {
			return id, true
		}
	}
	return 0, false
}

// give returns in how many whole seconds to come back. each is the time that the
// server needs for one such request.
func (p *places) give(who, key string, now time.Time, each time.Duration) time.Duration {
	p.look(now)
	p.seen = now
	l := p.lines[who]
	if l == nil {
		if len(p.lines) >= maxLines {
			return p.spread(now, 0)
		}
		l = &line{held: map[uint64]place{}}
	}
	id, held, known := p.find(l, key, now)
	before := len(l.held)
	if known {
		p.came = now
		n, same := l.before(held.since)
		before = n + rand.IntN(same) // nobody knows their order any more
	} else {
		held.since = uint32(now.Sub(p.start) / time.Second)
	}
	wait := p.spread(now, p.until(before, each))
	held.back = now.Add(wait).Sub(p.start)
	held.refused = min(held.refused+1, 100)
	if known {
		l.held[id] = held
	} else if id, ok := p.free(l, key); ok {
		l.join(id, held)
		p.lines[who] = l // with its first place, as it goes with its last
		p.count++
	}
	return wait
}

// spread chooses the second at which a client comes back whose turn is in so long.
func (p *places) spread(now time.Time, turn time.Duration) time.Duration {
	by := max(leastSpread, time.Duration(spread*float64(turn)))
	first, last := max(turn-by, soonest), max(turn+by, 2*leastSpread)
	if last > latest {
		first, last = min(first, latest-lookIn), latest
	}
	return p.calendar.book(now.Sub(p.start), first, last)
}

// look forgets places that nobody has come to.
func (p *places) look(now time.Time) {
	if now.Sub(p.looked) < lookEvery {
		return
	}
	p.looked = now
	for who, l := range p.lines {
		for id, held := range l.held {
			if now.Sub(p.start) > held.back+noShow {
				p.leave(who, l, id)
			}
		}
	}
}
