package adopt

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/pause"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Workers read objects at the same time.
const Workers = 16

// Options of a run.
type Options struct {
	// Config of the repository; AdoptFrom is set.
	Config *serverconfig.Config
	// Request that the run answers, empty for the first one.
	Request string
	// Bucket is the repository's, Source the one that AdoptFrom names.
	Bucket, Source *objectstore.S3
	// Signer signs for Bucket.
	Signer *objectstore.URLSigner
	// Guard is garbage collection's side.
	Guard batch.Guard
	// Log takes what people want to read later: every wrong object.
	Log func(format string, args ...any)

	// Lease is how long one run in place may change what lies there before another
	// may take over, Every how often the report is written. 0: what is usual.
	Lease, Every time.Duration
}

const (
	usualLease = 2 * time.Minute
	usualEvery = 5 * time.Second
)

// run is one adoption under way.
type run struct {
	Options
	prefix, from layout.Prefix

	mu     sync.Mutex
	report serverstatus.AdoptionReport // guarded by mu
}

// Run adopts everything, and returns what it found. An error means that it did not
// come to its end; run again, it goes on.
func Run(ctx context.Context, o Options) (serverstatus.AdoptionReport, error) {
	if o.Lease == 0 {
		o.Lease = usualLease
	}
	if o.Every == 0 {
		o.Every = usualEvery
	}
	from := o.Config.AdoptFrom
	r := &run{Options: o, prefix: layout.Prefix(o.Config.Storage.Prefix), from: layout.Prefix(from.Prefix)}
	r.report = serverstatus.AdoptionReport{
		UID: o.Config.Repository.UID, Request: o.Request, Source: from.Bucket + "/" + from.Prefix,
		StartedAt: time.Now().UTC().Truncate(time.Second),
	}
	how := r.copyAll
	if r.inPlace() {
		how = r.proveAll
	}
	err := how(ctx)
	return r.snapshot(), err
}

// inPlace is true where the source is the repository's own prefix.
func (r *run) inPlace() bool {
	return r.Config.AdoptFrom.Bucket == r.Config.Storage.Bucket && r.from == r.prefix
}

func (r *run) me() objectstore.Owner {
	repo := r.Config.Repository
	return objectstore.Owner{
		UID: repo.UID, Namespace: repo.Namespace, Name: repo.Name, ClaimedAt: time.Now().UTC().Truncate(time.Second),
	}
}

// outcome of one key.
type outcome struct {
	key     string
	ignored bool
	size    int64
	// present: it was there before.
	present bool
	// wrong is set for an object that is not what its name says.
	wrong *serverstatus.WrongObject
}

// each works on all keys of a listing, many at a time, and counts what came of
// them. The first error ends it.
func (r *run) each(ctx context.Context, keys iter.Seq2[objectstore.Info, error], work func(context.Context, objectstore.Info) (outcome, error)) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(Workers)
	line := newLine(r.count)
	for info, err := range keys {
		if err != nil {
			group.Go(func() error { return err })
			break
		}
		place, err := line.join(gctx)
		if err != nil {
			break // the group has the reason
		}
		group.Go(func() error {
			var out outcome
			err := again(gctx, func(ctx context.Context, first bool) (err error) {
				if !first { // it may have changed since it was listed
					if now, gone := r.Source.Head(ctx, info.Key); gone == nil {
						info = now
					}
				}
				out, err = work(ctx, info)
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", info.Key, err)
			}
			out.key = info.Key
			line.leave(place, out)
			return nil
		})
	}
	return errors.Join(group.Wait(), ctx.Err())
}

// count adds an outcome to the report; outcomes come in the order of the keys.
func (r *run) count(o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch rep := &r.report; {
	case o.ignored:
		rep.Ignored++
	case o.wrong != nil:
		rep.Add(*o.wrong)
	default:
		rep.Objects++
		rep.Bytes += o.size
		if o.present {
			rep.Present++
		}
	}
	if r.inPlace() {
		r.report.After = o.key
	}
}

// tries of one object before the run ends, with pauses between them.
var tries = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second}

// again repeats what a store or a line may have spoiled, not what is wrong.
func again(ctx context.Context, f func(ctx context.Context, first bool) error) error {
	for i, rest := range tries {
		err := f(ctx, i == 0)
		if err == nil || errors.Is(err, objectstore.ErrDenied) || errors.Is(err, errLost) || errors.Is(err, errInside) || ctx.Err() != nil {
			return err
		}
		if err := pause.For(ctx, rest); err != nil {
			return err
		}
	}
	return f(ctx, false)
}

// under is a key as seen from the source's prefix.
func (r *run) under(key string) string { return strings.TrimPrefix(key, string(r.from)) }
