package upload

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Proofs bounds how many objects are read back at once, and lets those who ask
// for the same upload wait for one proof: clients that hear nothing ask again,
// and hashing 100 GB twice helps nobody. One lives as long as the server.
type Proofs struct {
	slots chan struct{}

	mu      sync.Mutex
	running map[string]*run // guarded by mu
}

// run is a Finish under way; info and err are set when done is closed.
type run struct {
	done chan struct{}
	info objectstore.Info
	err  error
}

// NewProofs allows n at once.
func NewProofs(n int) *Proofs {
	return &Proofs{slots: make(chan struct{}, n), running: map[string]*run{}}
}

// longest is how long a Finish may take: 5 TiB at 100 MB/s and some.
const longest = 16 * time.Hour

// join runs do, or waits for the one that runs. do outlives ctx.
func (p *Proofs) join(ctx context.Context, t Target, do func(context.Context) (objectstore.Info, error)) (objectstore.Info, error) {
	key := t.OID + "/" + t.Ref.String()
	p.mu.Lock()
	r := p.running[key]
	if r == nil {
		r = &run{done: make(chan struct{})}
		p.running[key] = r
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
			defer cancel()
			r.info, r.err = guarded(ctx, do)
			p.mu.Lock()
			delete(p.running, key)
			p.mu.Unlock()
			close(r.done)
		}()
	}
	p.mu.Unlock()
	select {
	case <-r.done:
		return r.info, r.err
	case <-ctx.Done():
		return objectstore.Info{}, batch.Busy("the object is still being checked", ctx.Err())
	}
}

// guarded turns a panic into an error: nobody above this goroutine would.
func guarded(ctx context.Context, do func(context.Context) (objectstore.Info, error)) (info objectstore.Info, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return do(ctx)
}

// slot waits for a place among those who read.
func (p *Proofs) slot(ctx context.Context) (release func(), err error) {
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, batch.Busy("the server is overloaded", ctx.Err())
	}
}
