package adopt

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/pause"
)

// proveAll adopts what lies under the repository's own prefix.
func (r *run) proveAll(ctx context.Context) error {
	if err := r.alone(ctx); err != nil {
		return err
	}
	l, err := r.acquire(ctx, strings.ToLower(rand.Text()))
	if errors.Is(err, errDone) {
		return r.doneBefore(ctx)
	}
	if err != nil {
		return err
	}
	caps, err := objectstore.Probe(ctx, r.Bucket, r.Signer, r.prefix)
	if err != nil {
		return fmt.Errorf("trying the store: %w", err)
	}
	if lacks := objectstore.Lacks(caps); len(lacks) > 0 {
		return fmt.Errorf("the store cannot hold this repository: %s", strings.Join(lacks, "; and "))
	}
	if err := r.resume(ctx); err != nil {
		return err
	}
	p := &prover{run: r, lease: l, publisher: objectstore.NewPublisher(r.Bucket, r.prefix)}
	err = r.while(ctx, p.renew, func(ctx context.Context) error {
		keys := r.Bucket.List(ctx, r.prefix.Objects(), r.snapshot().After)
		return errors.Join(r.each(ctx, keys, p.prove), p.settle(ctx))
	})
	if err != nil {
		return err
	}
	// Should the end get lost between the two, the next run finds the prefix adopted
	// and writes it down; the other way round nobody would look again.
	if err := r.write(ctx); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := l.release(ctx); err != nil {
		return err
	}
	return r.finish(ctx)
}

// doneBefore is for a run that was asked for again, or whose last words got lost.
func (r *run) doneBefore(ctx context.Context) error {
	last, err := r.last(ctx)
	if err != nil {
		return err
	}
	if last != nil {
		last.Request = r.Request
		r.mu.Lock()
		r.report = *last
		r.mu.Unlock()
	}
	return r.finish(ctx)
}

// resume goes on where a run that was cut off has stopped.
func (r *run) resume(ctx context.Context) error {
	last, err := r.last(ctx)
	if err != nil || last == nil || last.After == "" {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last.Request, last.Source = r.Request, r.report.Source
	r.report = *last
	r.Log("going on after %s, with %d objects proven", last.After, last.Objects)
	return nil
}

// alone refuses a prefix under which another repository has its own: whoever owns
// a prefix owns all under it, up to deleting it.
func (r *run) alone(ctx context.Context) error {
	objects := r.prefix.Objects()
	for _, after := range []string{"", objects + lastKey} {
		for info, err := range r.Bucket.List(ctx, string(r.prefix), after) {
			if err != nil {
				return err
			}
			if strings.HasPrefix(info.Key, objects) {
				break // these are looked at one by one
			}
			if err := r.ofAnother(info.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastKey comes after all keys that begin as it does but for itself.
const lastKey = "\U0010ffff"

var errInside = errors.New("under the prefix lies another repository")

// ofAnother is an error for the owner object of another repository.
func (r *run) ofAnother(key string) error {
	if key == r.prefix.Owner() || !strings.HasSuffix(key, "/meta/owner.json") {
		return nil
	}
	return fmt.Errorf("%w (%s): name that one's prefix, or have its objects copied to a new one", errInside, key)
}

// prover proves objects at their final keys.
type prover struct {
	run       *run
	publisher objectstore.Publisher

	mu    sync.Mutex
	lease *lease // guarded by mu
	// fence is when, by the store's clock, all deletions have landed or expired.
	fence time.Time // guarded by mu
}

func (p *prover) renew(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.lease.renew(ctx)
	if errors.Is(err, errLost) {
		return err
	}
	if err != nil {
		p.run.Log("the lease could not be renewed: %v", err)
	}
	return nil
}

// prove reads one object. Nobody else writes here: the servers of the repository
// before hand out links that the store checks, and those of this one do not serve.
func (p *prover) prove(ctx context.Context, info objectstore.Info) (outcome, error) {
	oid, ok := p.run.prefix.OIDOf(info.Key)
	if !ok {
		return outcome{ignored: true}, p.run.ofAnother(info.Key) // nobody ever reads such a key
	}
	sum, err := objectstore.ContentSHA256(ctx, p.run.Bucket, info)
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return p.moved(ctx, oid, info.Size) // by a try before this one
	case err != nil:
		return outcome{}, err
	case sum == oid:
		return outcome{size: info.Size}, nil
	}
	to := p.run.prefix.AdoptedWrong(oid, sum)
	if err := p.publisher.MoveAside(ctx, info, to); err != nil {
		return outcome{}, err
	}
	if err := p.remove(ctx, info.Key); err != nil {
		return outcome{}, err
	}
	return p.run.wrong(to, oid, info.Size, sum), nil
}

// moved finds a wrong object again that is out of the way already.
func (p *prover) moved(ctx context.Context, oid string, size int64) (outcome, error) {
	for info, err := range p.run.Bucket.List(ctx, p.run.prefix.AdoptedWrong(oid, ""), "") {
		if err != nil {
			return outcome{}, err
		}
		return p.run.wrong(info.Key, oid, size, info.Key[len(info.Key)-len(oid):]), nil
	}
	return outcome{ignored: true}, nil
}

func (p *prover) remove(ctx context.Context, key string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.lease.renew(ctx); err != nil {
		return err
	}
	err := p.lease.remove(ctx, key)
	if err != nil {
		p.fence = p.lease.date.Add(p.run.Lease/2 + margin)
	}
	return err
}

// settle waits until no deletion can land any more whose answer did not come.
func (p *prover) settle(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.lease.date.Before(p.fence) {
		if err := pause.For(ctx, time.Second); err != nil {
			return err
		}
		if err := p.lease.renew(ctx); err != nil {
			return err
		}
	}
	return nil
}
