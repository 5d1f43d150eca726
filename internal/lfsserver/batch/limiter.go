package batch

import (
	"context"
	"sync"
	"sync/atomic"
)

// perBatch bounds the lookups of one batch, so that a large one leaves room.
const perBatch = 32

// Limiter bounds lookups over all batches.
type Limiter struct{ slots chan struct{} }

// NewLimiter allows n lookups at once.
func NewLimiter(n int) *Limiter { return &Limiter{slots: make(chan struct{}, n)} }

// each calls do for 0…n-1, several at once, until one fails; it returns the
// first failure after all calls have ended.
func (l *Limiter) each(ctx context.Context, n int, do func(context.Context, int) error) error {
	switch n {
	case 0:
		return nil
	case 1:
		return l.one(ctx, 0, do)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	var once sync.Once
	var first error
	var group sync.WaitGroup
	for range min(n, perBatch) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := l.one(ctx, i, do); err != nil {
					once.Do(func() { first = err })
					cancel()
					return
				}
			}
		})
	}
	group.Wait()
	return first
}

// one waits for a slot. Time that runs out here is the server's load, not the
// client's mistake.
func (l *Limiter) one(ctx context.Context, i int, do func(context.Context, int) error) error {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return Busy("the server is overloaded", ctx.Err())
	}
	defer func() { <-l.slots }()
	return do(ctx, i)
}
