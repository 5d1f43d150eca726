package sweep

import (
	"context"
	"errors"
	"fmt"
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
	err = errors.Join(err, r.removeOf(ctx, removal{keys: objects, pick: superfluousObject, remove: r.removeHidden, sum: &v.Hidden}))
	err = errors.Join(err, r.removeOf(ctx, removal{keys: own, pick: superfluous, remove: r.removeOwn, sum: &v.Own}))
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

// removal is about versions of keys, of each those that pick finds to be superfluous
// since before the key's time.
type removal struct {
	keys map[string]time.Time
	pick func([]objectstore.Version, time.Time) []objectstore.Version
	// remove is false for a version that is left for the next run, with all after it.
	remove func(ctx context.Context, key, version string) (bool, error)
	sum    *plan.Count
}

func (r *run) removeOf(ctx context.Context, x removal) error {
	for group := range slices.Chunk(slices.Sorted(maps.Keys(x.keys)), r.Limits.Group) {
		if err := r.wanted(); err != nil {
			return err
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		errs := make([]error, len(group))
		for i, key := range group {
			wg.Go(func() {
				all, err := objectstore.VersionsOf(ctx, r.Versions, key)
				for _, v := range x.pick(all, x.keys[key]) {
					done := err == nil
					if done && !r.dry() {
						done, err = x.remove(ctx, key, v.VersionID)
					}
					if !done {
						break
					}
					mu.Lock()
					x.sum.Objects++
					x.sum.Bytes += v.Size
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

// removeOwn removes a version of the server's own records.
func (r *run) removeOwn(ctx context.Context, key, version string) (bool, error) {
	err := r.bucket.Delete(ctx, key, version)
	return err == nil, err
}

// removeHidden removes a version of a hidden object while what was read of history and
// locks may be acted on, which is as long as for deletes by the index. The store refuses
// the DELETE later: one that gets stuck on its way must not land when somebody has locked
// the path meanwhile.
func (r *run) removeHidden(ctx context.Context, key, version string) (bool, error) {
	at := r.bucket.Date()
	if at.Add(r.Limits.Expiry).After(r.started.Add(r.Limits.ScanAge + r.Limits.Lease)) {
		return false, nil
	}
	u, err := r.Presign.PresignDelete(key, version, at, r.Limits.Expiry)
	if err != nil {
		return false, fmt.Errorf("signing a delete: %w", err)
	}
	f, err := r.send(ctx, u)
	if f == unanswered {
		return false, nil
	}
	return f == gone, err
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
