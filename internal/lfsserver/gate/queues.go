package gate

import "time"

// visitor waits for so much of the gate.
type visitor struct {
	in     chan struct{}
	weight int
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
		g.change(v.weight, now)
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
