package sweep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/gc/protect"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// makePlan reads live set, listing and markers.
func (r *run) makePlan(ctx context.Context) error {
	attempt, err := r.attempt(ctx)
	if err != nil {
		return err
	}
	body, _, err := r.bucket.Get(ctx, r.prefix.GCScan(r.Run), "")
	if errors.Is(err, objectstore.ErrNotFound) {
		return stop("HistoryUnreadable", "the scan of run %s began and did not report a live set: see the log of its container %q", r.Run, "scan")
	}
	if err != nil {
		return fmt.Errorf("reading the live set: %w", err)
	}
	defer body.Close()
	live, err := liveset.NewReader(body)
	if err != nil {
		return err
	}
	if live.Header.Run != r.Run || live.Header.Attempt != attempt {
		return stop("HistoryUnreadable", "the live set is not of the scan that began last for run %s: start a new run", r.Run)
	}
	markers, err := index.Markers(ctx, r.bucket, r.prefix)
	if err != nil {
		return err
	}
	protected, err := protect.Read(ctx, r.bucket, r.prefix)
	if err != nil {
		return err
	}
	r.findHidden(ctx)
	r.hidden.uploading = protected.Uploading
	now, err := r.now(ctx)
	if err != nil {
		return err
	}
	p, err := plan.Make(plan.Input{
		Live: live, Objects: r.objects(ctx), Index: r.index, Markers: markers, Policy: r.policy, Protected: protected,
		Now: now, ScanStarted: r.started, TempDir: r.TempDir, Explain: r.decided,
	})
	if errors.Is(err, liveset.ErrIncomplete) {
		return stop("HistoryIncomplete", "%v; nothing is deleted on it. Start a new run", err)
	}
	if err != nil {
		return err
	}
	if err := r.sameHistory(p, live.Header.Revision); err != nil {
		return err
	}
	r.plan = p
	r.Log("%d objects in the store: %d kept, %d to condemn, %d in quarantine, %d to delete, %d orphans",
		p.Objects.Objects, p.KeptTotal().Objects, p.Condemned.Objects, p.Waiting.Objects, p.Deletable.Objects, p.Orphans.Objects)
	return nil
}

// objects lists what lies at final keys; anything else under the prefix is not
// an object and is left alone.
func (r *run) objects(ctx context.Context) iter.Seq2[plan.Object, error] {
	return func(yield func(plan.Object, error) bool) {
		for info, err := range r.bucket.List(ctx, r.prefix.Objects(), "") {
			if err != nil {
				yield(plan.Object{}, fmt.Errorf("listing objects: %w", err))
				return
			}
			oid, ok := r.prefix.OIDOf(info.Key)
			if !ok {
				continue
			}
			o := plan.Object{OID: oid, Size: info.Size, ETag: info.ETag, Modified: info.LastModified.UTC()}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// carryOut writes the plan into the index, and deletes.
func (r *run) carryOut(ctx context.Context) error {
	if r.dry() {
		r.note("dry run: nothing was changed. gc.mode Delete would put %d objects into quarantine and delete %d",
			r.plan.Condemned.Objects, r.plan.Deletable.Objects)
		return nil
	}
	if len(r.plan.Condemn)+len(r.plan.Delete)+len(r.plan.Release) == 0 {
		return r.removeMarkers(ctx)
	}
	if err := r.capable(ctx); err != nil {
		return err
	}
	if err := r.examine(ctx); err != nil {
		return err
	}
	if err := errors.Join(r.fresh(ctx), r.wanted()); err != nil {
		return err
	}
	if err := r.writeIndex(ctx, r.next()); err != nil {
		return err
	}
	if r.index.Deletes() {
		if err := r.deleteAll(ctx); err != nil {
			return err
		}
	}
	return errors.Join(r.removeMarkers(ctx), r.removeScans(ctx))
}

// capable probes what the protocol rests on: conditional writes, and an expiry that the
// store enforces. Versions are no substitute: a DELETE that lands late names exactly what
// was brought back from quarantine meanwhile.
func (r *run) capable(ctx context.Context) (err error) {
	if r.caps, err = r.Probe(ctx); err != nil {
		return fmt.Errorf("probing the store: %w", err)
	}
	if !r.caps.ConditionalWrites {
		return stop("StoreIncapable", "the store ignores If-Match or If-None-Match on PUT: garbage collection would not be safe on it")
	}
	if len(r.plan.Delete) > 0 && !r.caps.PresignExpiry {
		return stop("StoreIncapable", "the store accepts expired requests: a delete that lands late could hit an object that was brought back")
	}
	return nil
}

// examine finds the version of each object to condemn where the bucket keeps
// versions: exactly that one is deleted later.
func (r *run) examine(ctx context.Context) error {
	if !r.caps.Versioned {
		return nil
	}
	kept := r.plan.Condemn[:0]
	for _, e := range r.plan.Condemn {
		info, err := r.bucket.Head(ctx, r.prefix.Object(e.OID))
		switch {
		case errors.Is(err, objectstore.ErrNotFound), err == nil && info.ETag != e.ETag:
			continue
		case err != nil:
			return fmt.Errorf("examining %s: %w", e.OID, err)
		}
		e.Version = info.VersionID
		kept = append(kept, e)
	}
	r.plan.Condemn = kept
	return nil
}

// next is the index after the plan: new entries condemned, released ones gone,
// those whose quarantine is over deleting, under a lease of ours.
func (r *run) next() index.Index {
	next := r.index.Next()
	next.Entries = slices.DeleteFunc(next.Entries, func(e index.Entry) bool {
		_, ok := slices.BinarySearch(r.plan.Release, e.OID)
		return ok
	})
	for i, e := range next.Entries {
		if _, ok := slices.BinarySearch(r.plan.Delete, e.OID); ok {
			next.Entries[i].State = index.Deleting
		}
	}
	for _, e := range r.plan.Condemn {
		e.Since = next.Generation
		next.Entries = append(next.Entries, e)
	}
	if next.Deletes() {
		next.Owner = r.Run
		next.LeaseEnd = r.bucket.Date().Add(r.Limits.Lease)
	}
	return next
}

// writeIndex writes conditionally and keeps the result.
func (r *run) writeIndex(ctx context.Context, next index.Index) error {
	x, err := index.Store(ctx, r.bucket, r.prefix, r.index, next)
	if errors.Is(err, index.ErrConflict) {
		return stop("AnotherRun", "another run changed the index at the same time: nothing was deleted; the next run goes on")
	}
	if err != nil {
		return err
	}
	r.index = x
	return nil
}

// quarantined counts what is in the index when the run ends; in a dry run, what
// a run in mode Delete would have put there beside it.
func (r *run) quarantined() plan.Count {
	var c plan.Count
	for _, e := range r.index.Entries {
		c.Objects++
		c.Bytes += e.Size
	}
	if r.dry() && r.plan != nil {
		c.Objects += r.plan.Condemned.Objects
		c.Bytes += r.plan.Condemned.Bytes
	}
	return c
}
