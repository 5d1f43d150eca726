package presence

import (
	"slices"
	"time"
)

// pending are links to small objects that were handed out and may not have been used
// yet. Of a batch only the last object is verified: by that all of it has arrived. Of
// a batch of which nobody is heard again, any of it may have.
type pending struct {
	batches map[uint64]granted // by the fingerprint of the last object
	objects int                // in all batches
	looked  time.Time
}

// granted are the fingerprints of a batch's objects.
type granted struct {
	objects []uint64
	at      time.Time
}

const (
	// unheard is how long after its links were handed out nothing is taken to have
	// arrived of a batch without a word. A client that asks again sooner, after a push
	// that broke off, uploads small objects once more.
	unheard = time.Minute
	// lookEvery is how often batches that are as old as that are looked for.
	lookEvery = time.Second
)

// grant remembers a batch. It returns the objects of which is no longer known that they
// have not arrived.
func (p *pending) grant(objects []uint64, now time.Time, most int) (arrived []uint64) {
	last := objects[len(objects)-1]
	if slices.Equal(p.batches[last].objects, objects) {
		p.forget(last) // asked again
	}
	arrived = p.arrived(last)
	if p.batches == nil {
		p.batches = map[uint64]granted{}
	}
	p.batches[last] = granted{objects, now}
	p.objects += len(objects)
	if now.Sub(p.looked) < lookEvery && p.objects <= most {
		return arrived
	}
	p.looked = now
	for key, g := range p.batches {
		if p.objects > most || now.Sub(g.at) > unheard {
			arrived = append(arrived, p.arrived(key)...)
		}
	}
	return arrived
}

// arrived forgets a batch and returns its objects.
func (p *pending) arrived(last uint64) []uint64 {
	g := p.batches[last]
	p.forget(last)
	return g.objects
}

func (p *pending) forget(last uint64) {
	p.objects -= len(p.batches[last].objects)
	delete(p.batches, last)
}
