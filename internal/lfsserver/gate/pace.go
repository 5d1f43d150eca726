package gate

import "time"

const (
	// heaviest weight that is measured apart; heavier ones count as that.
	heaviest = 8
	// window is the least time over which work is counted.
	window = 200 * time.Millisecond
	// share of the work that is promised to those who come back. The rest is for
	// newcomers, and for those who were promised too much.
	share = 0.8
	// slowed is by how much a visit may be slower than alone before fewer are let
	// in at once: the cores, not the store, are what they wait for then.
	slowed = 3
	// moments is how long a visit waits while the gate is strict, in times that it
	// takes when it is alone, and never less than shortMoment.
	moments, shortMoment = 4, 5 * time.Millisecond
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
	// rate of work while somebody waits, in weight per second; work and busy are
	// counted towards its next value, busy up to last.
	rate, work float64
	busy       time.Duration
	last       time.Time
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

// left counts a visit that ends. crowded is true while others wait for it.
func (p *pace) left(weight int, begin, now time.Time, alone uint64, crowded bool) {
	took, kind := now.Sub(begin), min(weight, heaviest)
	p.weight += (float64(weight) - p.weight) / 16
	if p.alone[kind] == 0 {
		p.alone[kind] = took // better than nothing
	}
	if !crowded {
		if alone == p.entries {
			p.alone[kind] += (took - p.alone[kind]) / 16
		}
		p.last = time.Time{}
		return
	}
	// Work is counted from visit to visit. The time before this one came does not
	// count: nobody was in, or another visit has counted it.
	if p.last.Before(begin) {
		p.last = begin
	}
	p.busy += now.Sub(p.last)
	p.work += float64(weight)
	p.last = now
	if p.busy >= window {
		sample := p.work / p.busy.Seconds()
		if p.rate == 0 {
			p.rate = sample
		}
		p.rate += (sample - p.rate) / 4
		p.busy, p.work = 0, 0
	}
	p.adapt(weight, took, p.alone[kind])
}

// adapt finds how much may be in at once so that each is still answered in time.
func (p *pace) adapt(weight int, took, alone time.Duration) {
	step := float64(weight) / 16
	if took > slowed*alone {
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

// each is the time between two visits of such a weight that can be promised. The
// server does at least one after the other, once the crowd has gone that now keeps it
// busy with refusals. Before anything was measured it is as if a visit took a second.
func (p *pace) each(weight int) time.Duration {
	rate := p.rate
	if alone := p.alone[min(weight, heaviest)]; alone > 0 {
		rate = max(rate, float64(weight)/alone.Seconds())
	}
	if rate == 0 {
		rate = float64(p.size)
	}
	return time.Duration(float64(weight) / (share * rate) * float64(time.Second))
}
