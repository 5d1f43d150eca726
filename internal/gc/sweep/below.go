package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// maxBelow bounds the older versions of one object that go in one run: they go one
// after the other, while the signature of the last lives.
const maxBelow = 100

// below is what lies under an examined version.
type below struct {
	older []objectstore.Version
	// more than maxBelow: the object itself is left for the next run.
	more bool
	urls []string
	gone int
}

// versionsBelow finds what is to go before each examined version, so that nothing
// comes to light when that goes. No reader ever gets these versions while a newer
// one is there; the newest of all is never among them, whatever came since.
//
// A listing that is refused costs nothing but space: the examined version goes
// alone, and what lay under it is an object like any other.
func (r *run) versionsBelow(ctx context.Context, group []index.Entry) []below {
	out := make([]below, len(group))
	if !r.caps.Versioned || r.Versions == nil {
		return out
	}
	errs := make([]error, len(group))
	var wg sync.WaitGroup
	for i := range group {
		wg.Go(func() {
			var all []objectstore.Version
			if all, errs[i] = objectstore.VersionsOf(ctx, r.Versions, r.prefix.Object(group[i].OID)); errs[i] == nil {
				out[i] = r.under(&group[i], all)
			}
		})
	}
	wg.Wait()
	r.noVersions(errors.Join(errs...))
	return out
}

// under picks the versions that are as old as the examined one or older.
func (r *run) under(e *index.Entry, all []objectstore.Version) (b below) {
	var examined *objectstore.Version
	for i, v := range all {
		// An object from before the bucket kept versions was examined without one.
		if v.VersionID == e.Version || e.Version == "" && v.VersionID == objectstore.NullVersion && !v.Marker &&
			v.ETag == e.ETag && v.LastModified.Truncate(second).Equal(e.Modified.Truncate(second)) {
			examined = &all[i]
		}
	}
	if examined == nil {
		return b
	}
	e.Version = examined.VersionID
	for _, v := range all {
		switch {
		// Some stores cut the times of versions off to seconds, and those of markers not.
		case v.VersionID == e.Version, v.Latest, v.LastModified.Truncate(second).After(examined.LastModified):
		case len(b.older) == maxBelow:
			b.more = true
		default:
			b.older = append(b.older, v)
		}
	}
	return b
}

// sign signs the deletes of the older versions.
func (r *run) sign(b *below, key string, at time.Time) error {
	for _, v := range b.older {
		u, err := r.Presign.PresignDelete(key, v.VersionID, at, r.Limits.Expiry)
		if err != nil {
			return fmt.Errorf("signing a delete: %w", err)
		}
		b.urls = append(b.urls, u)
	}
	return nil
}

// sendAll deletes what lies under the examined version and then that, each once.
// The first that is not gone ends it: what it hides stays hidden.
func (r *run) sendAll(ctx context.Context, b *below, last string) (fate, error) {
	for _, u := range b.urls {
		if f, err := r.send(ctx, u); f != gone {
			return f, err
		}
		b.gone++
	}
	if b.more {
		return left, nil
	}
	return r.send(ctx, last)
}

// followed counts the older versions that went.
func (r *run) followed(b below) {
	for _, v := range b.older[:b.gone] {
		r.report.Versions.Followed.Objects++
		r.report.Versions.Followed.Bytes += v.Size
	}
}

// noVersions says once that the versions of the bucket cannot be seen or deleted.
func (r *run) noVersions(err error) {
	if err == nil || r.report.Versions.Error != "" {
		return
	}
	r.report.Versions.Error = objectstore.Cause(err)
	r.note("the bucket keeps versions, and older ones stay in it: %s. Let the credentials list and delete versions under %s "+
		"(s3:ListBucketVersions, s3:DeleteObjectVersion), or let a lifecycle rule of the bucket remove noncurrent versions",
		objectstore.Cause(err), r.prefix)
}
