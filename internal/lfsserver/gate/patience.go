package gate

import "time"

const (
	// perPrincipal may wait, and waitingAtMost of all together.
	perPrincipal, waitingAtMost = 64, 1024
	// crowd is how much of one principal's impatient requests may wait, in sizes of
	// the gate: the last of them waits as long as so many requests take. Sixteen
	// jobs with one token that send batches of 100 objects are no crowd.
	crowd = 4
	// mostWait of an impatient request.
	mostWait = 2 * time.Second
	// strictly may wait while the gate is strict, and so many more of those that were
	// sent away more than often. One that was tooOften is about to give up: git-lfs
	// asks nine times.
	strictly, often, tooOften = 2, 2, 7
)

// patience is how long a visit may wait, 0 for not at all. The caller holds mu.
func (g *Gate) patience(v Visit, now time.Time) time.Duration {
	switch own := g.queues[v.Who]; {
	case len(own) >= perPrincipal || g.count >= waitingAtMost:
		return 0
	case v.Patience > 0:
		return v.Patience
	case g.places.taken(now):
		return g.strictPatience(v, len(own), now)
	default:
		weight := 0
		for _, w := range own {
			weight += w.weight
		}
		if weight >= crowd*g.size {
			return 0
		}
		return mostWait
	}
}

// strictPatience is how long a visit may wait while others are in line, of whose
// principal own wait already. The more often one was sent away, the less likely that
// happens again, so that none is when it would give up.
func (g *Gate) strictPatience(v Visit, own int, now time.Time) time.Duration {
	s := g.places.standing(v.Who, v.Key, now)
	more := max(0, s.refused-often)
	switch {
	case s.refused >= tooOften:
		return mostWait
	case s.inLine > 0 && !s.known, own >= strictly+more:
		return 0
	case s.known && g.places.until(s.before, g.pace.each(v.Weight)) > near:
		return 0
	case s.known && g.count >= strictly*(1+more) && (own > 0 || g.count == len(g.turn)):
		return 0 // and nobody else has more than one who waits
	}
	return min(g.pace.moment(v.Weight)*time.Duration(1+more), mostWait)
}
