package gate

import (
	"math"
	"time"
)

const (
	// heaviest weight that is measured apart; heavier ones count as that.
	heaviest = 8
	// window is the least time over which work is counted.
	window = time.Second
	// lasting is how long it takes until only half of the most work that was ever done
	// counts: the machine may have other work to do by now.
	lasting = 10 * time.Minute
	// share of the work that is promised to those who come back. The rest is for
	// newcomers, and for those who were promised too much.
	share = 0.8
	// unseenShare of what a visit alone lets expect is believed of a server that was
	// never busy: reading requests and sending answers takes its part.
	unseenShare = 0.4
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
	// peak is the most work that was done, in weight per second; work is what was
	// done since begun.
	peak, work float64
	begun      time.Time
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
	p.done(weight, now)
	switch {
	case p.alone[kind] == 0:
		p.alone[kind] = took // better than nothing
	case crowded:
		p.adapt(weight, took, p.alone[kind])
	case alone == p.entries:
		p.alone[kind] += (took - p.alone[kind]) / weightOf(took < p.alone[kind])
	}
}

// done counts work.
func (p *pace) done(weight int, now time.Time) {
	p.work += float64(weight)
	passed := now.Sub(p.begun)
	if passed < window {
		return
	}
	kept := math.Exp2(-float64(passed) / float64(lasting))
	p.peak = max(p.peak*kept, p.work/passed.Seconds())
	p.begun, p.work = now, 0
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

// each is the time between two visits of such a weight that can be promised: by the
// most work that was seen done, or what a visit alone lets expect. What is done while
// a crowd is sent away says little, since that takes its time, too. Before anything
// was measured it is as if a visit took a second.
func (p *pace) each(weight int) time.Duration {
	rate := p.peak
	if alone := p.alone[min(weight, heaviest)]; alone > 0 {
		rate = max(rate, unseenShare*float64(weight)/alone.Seconds())
	}
	if rate == 0 {
		rate = float64(p.size)
	}
	return time.Duration(float64(weight) / (share * rate) * float64(time.Second))
}
