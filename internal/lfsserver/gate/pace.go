package gate

import "time"

const (
	// heaviest weight that is measured apart; heavier ones count as that.
	heaviest = 8
	// window is the least time for which the gate was full, and sample how many visits
	// ended meanwhile, before the pace is believed; longWindow is enough in any case.
	window, sample, longWindow = 200 * time.Millisecond, 8, 10 * time.Second
	// hope is by how much more is promised than was done: sending a crowd away took
	// its part of the machine, and those who do not come leave room. Who was promised
	// too much is told again; what nobody comes for is lost.
	hope = 1.05
	// slowed is by how much a visit may be slower than alone before fewer are let
	// in at once: the cores, not the store, are what they wait for then.
	slowed = 1.5
	// moments is how long a visit waits while the gate is strict, in times that it
	// takes when it is alone, and never less than shortMoment.
	moments, shortMoment = 3, 4 * time.Millisecond
)

// pace is how fast work is done. Its users hold the gate's mu.
type pace struct {
	size int
	// entries counts those who came, to know who was alone.
	entries uint64
	// alone is how long a visit of each weight takes without any other.
	alone [heaviest + 1]time.Duration
	// weight of a visit, averaged.
	weight float64
	// rate is the weight per second that is done while the gate is full, as last seen;
	// work is what was done while it was full for so long.
	rate, work float64
	full       time.Duration
	// ticked is until when full was counted.
	ticked time.Time
	// most weight at once while the gate is strict.
	most float64
}

func newPace(size int) pace { return pace{size: size, most: float64(size), weight: 1} }

// came returns which entry this is, 0 for one that is not alone.
func (p *pace) came(alone bool) uint64 {
	p.entries++
	if !alone {
		return 0
	}
	return p.entries
}

// tick counts the time since the last tick, in which nobody came in or left.
func (p *pace) tick(now time.Time, full bool) {
	if full {
		p.full += now.Sub(p.ticked)
	}
	p.ticked = now
}

// done counts work that ends while the gate is full.
func (p *pace) done(weight int) {
	p.work += float64(weight)
	if p.full < window || p.work < sample*p.weight && p.full < longWindow {
		return
	}
	rate := p.work / p.full.Seconds()
	if p.rate > 0 {
		rate = (rate + p.rate) / 2
	}
	p.rate, p.work, p.full = rate, 0, 0
}

// left counts a visit that ends. crowded is true while others wait for it.
func (p *pace) left(weight int, begin, now time.Time, alone uint64, crowded bool) {
	took, kind := now.Sub(begin), min(weight, heaviest)
	p.weight += (float64(weight) - p.weight) / 16
	switch {
	case p.alone[kind] == 0:
		p.alone[kind] = took // better than nothing
	case crowded:
		p.adapt(weight, took, p.alone[kind])
	case alone == p.entries:
		p.alone[kind] += (took - p.alone[kind]) / weightOf(took < p.alone[kind])
	}
}

// weightOf a sample of how long a visit takes alone. Other work of the machine makes
// it longer and nothing makes it shorter, so that short ones count for more.
func weightOf(shorter bool) time.Duration {
	if shorter {
		return 4
	}
	return 64
}

// adapt finds how much may be in at once so that each is still answered in time.
func (p *pace) adapt(weight int, took, alone time.Duration) {
	step := float64(weight) / 16
	if float64(took) > slowed*float64(alone) {
		step = -step
	}
	p.most = min(max(p.most+step, float64(p.size)/4), float64(p.size))
}

// limit is what may be in at once while the gate is strict.
func (p *pace) limit() int { return int(p.most) }

// usual weight of a visit.
func (p *pace) usual() int { return max(1, int(p.weight+0.5)) }

// moment is how long a visit may wait while the gate is strict.
func (p *pace) moment(weight int) time.Duration {
	return max(moments*p.alone[min(weight, heaviest)], shortMoment)
}

// each is the time between two visits of such a weight that can be promised. A gate
// that was never full is believed to do one after the other, and before anything was
// measured as if a visit took a second.
func (p *pace) each(weight int) time.Duration {
	alone := p.alone[min(weight, heaviest)]
	switch {
	case p.rate > 0:
		return time.Duration(float64(weight) / (hope * p.rate) * float64(time.Second))
	case alone > 0:
		return alone
	}
	return time.Duration(weight) * time.Second / time.Duration(p.size)
}
