package sweep

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// removeVersions removes what the bucket keeps of things that are gone: content that
// delete markers hide, and what servers and garbage collection have overwritten or
// deleted of their own. It ends a run; what fails is for the next one.
//
// Nothing here can make an object absent: only versions go that have not been the
// latest of their key for long, by their IDs, and delete markers under which nothing
// is left. Whatever is written to the key meanwhile is another version. The one named
// NullVersion could be that, so it stays.
func (r *run) removeVersions(ctx context.Context) error {
	if !r.keepsVersions(ctx) || r.report.Versions.Error != "" {
		return nil
	}
	now, err := r.now(ctx)
	if err != nil {
		return err
	}
	v := &r.report.Versions
	objects := map[string]time.Time{}
	for oid, wait := range r.forgotten() {
		// Before the scan began: a ref of somebody who was told in time that the object
		// is there has come since, or the scan has seen it.
		objects[r.prefix.Object(oid)] = r.started.Add(-wait - second)
	}
	own := map[string]time.Time{}
	err = r.outdated(ctx, own, now.Add(-r.Limits.Abandoned-second))
	err = errors.Join(err, r.removeOf(ctx, objects, &v.Hidden, superfluousObject))
	err = errors.Join(err, r.removeOf(ctx, own, &v.Own, superfluous))
	var s *Stopped
	if ctx.Err() != nil || errors.As(err, &s) {
		return err
	}
	r.noVersions(err)
	return nil
}

// outdated finds the keys of our own that have versions for which it is time.
func (r *run) outdated(ctx context.Context, keys map[string]time.Time, before time.Time) error {
	for _, prefix := range []string{r.prefix.Stagings(), r.prefix.Meta()} {
		for v, err := range r.Versions.ListVersions(ctx, prefix) {
			if err != nil {
				return err
			}
			if len(keys) < maxKeys && v.LastModified.Before(before) && (v.Marker || !v.Latest) && v.VersionID != objectstore.NullVersion {
				keys[v.Key] = before
			}
		}
	}
	return nil
}

// removeOf removes versions of keys, of each those that pick finds to be superfluous
// since before the key's time.
func (r *run) removeOf(ctx context.Context, keys map[string]time.Time, sum *plan.Count, pick func([]objectstore.Version, time.Time) []objectstore.Version) error {
	for group := range slices.Chunk(slices.Sorted(maps.Keys(keys)), r.Limits.Group) {
		if err := r.wanted(); err != nil {
			return err
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		errs := make([]error, len(group))
		for i, key := range group {
			wg.Go(func() {
				all, err := objectstore.VersionsOf(ctx, r.Versions, key)
				for _, v := range pick(all, keys[key]) {
					if err == nil && !r.dry() {
						err = r.bucket.Delete(ctx, key, v.VersionID)
					}
					if err != nil {
						break
					}
					mu.Lock()
					sum.Objects++
					sum.Bytes += v.Size
					mu.Unlock()
				}
				errs[i] = err
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// superfluous picks the versions of a key that were overwritten or deleted before a
// time, in the order in which they go: a delete marker that is the latest comes last,
// and only when nothing is left to come to light under it.
func superfluous(all []objectstore.Version, before time.Time) (out []objectstore.Version) {
	slices.SortStableFunc(all, func(a, b objectstore.Version) int {
		if a.Latest != b.Latest {
			return map[bool]int{true: -1, false: 1}[a.Latest]
		}
		return b.LastModified.Compare(a.LastModified)
	})
	for i := len(all) - 1; i > 0; i-- {
		// It stopped being the latest when the next one was written.
		if all[i-1].LastModified.Before(before) && all[i].VersionID != objectstore.NullVersion && !all[i].Latest {
			out = append(out, all[i])
		}
	}
	if len(all) > 0 && len(out) == len(all)-1 && all[0].Latest && all[0].Marker &&
		all[0].LastModified.Before(before) && all[0].VersionID != objectstore.NullVersion {
		out = append(out, all[0])
	}
	return out
}

// superfluousObject is superfluous for an object that is still hidden: one that
// somebody uploaded or brought back meanwhile keeps everything.
func superfluousObject(all []objectstore.Version, before time.Time) []objectstore.Version {
	i := slices.IndexFunc(all, func(v objectstore.Version) bool { return v.Latest })
	if i < 0 || !all[i].Marker || !all[i].LastModified.Before(before) {
		return nil
	}
	return superfluous(all, before)
}
