package index

import "context"

// readings at once. More than one, so that a connection that hangs does not hold
// up everybody.
const readings = 4

// reading is one look at the index for all batches that were waiting when it began.
// What it finds is as new as if each had looked for itself: it began after they did.
type reading struct {
	done chan struct{}
	// What was found; to be read when done is closed.
	snapshot *snapshot
	err      error
}

// await returns the index as it was at some moment after the call.
func (g *Guard) await(ctx context.Context) (*snapshot, error) {
	g.mu.Lock()
	r := g.next
	if r == nil {
		r = &reading{done: make(chan struct{})}
		g.next = r
		if g.running < readings {
			g.running++
			go g.readAll()
		}
	}
	g.mu.Unlock()
	select {
	case <-r.done:
		return r.snapshot, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readAll reads for those who wait until nobody does.
func (g *Guard) readAll() {
	for {
		g.mu.Lock()
		r := g.next
		if g.next = nil; r == nil {
			g.running--
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		g.readFor(r)
	}
}

// readFor has as long as those who wait may take to answer, the first of them.
func (g *Guard) readFor(r *reading) {
	ctx, cancel := context.WithTimeout(context.Background(), AnswerWithin)
	defer cancel()
	defer close(r.done)
	r.snapshot, r.err = g.read(ctx)
}
