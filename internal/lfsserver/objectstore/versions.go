package objectstore

import (
	"context"
	"iter"

	"github.com/minio/minio-go/v7"
)

// NullVersion is the ID of a version from before its bucket kept versions, or from
// while it was told not to: another such upload writes over it ("Working with
// versioning-suspended buckets", Amazon S3 user guide).
const NullVersion = "null"

// Version is one version of a key, or a marker that says it was deleted.
type Version struct {
	Info
	// Latest is the version that readers get; a key whose latest is a marker is absent.
	Latest bool
	// Marker: it has no content.
	Marker bool
}

// Versions is what there is to see of a bucket that keeps versions.
type Versions interface {
	// ListVersions yields all versions of all keys under a prefix. Stores differ in
	// the order, so nothing may depend on it. It ends with the first error. A bucket
	// that never kept versions has one of each key, NullVersion.
	ListVersions(ctx context.Context, prefix string) iter.Seq2[Version, error]
}

var _ Versions = (*S3)(nil)

// ListVersions implements Versions.
func (s *S3) ListVersions(ctx context.Context, prefix string) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ctx, _ = withCall(ctx, "list-versions")
		opts := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}
		for o := range s.core.ListObjectsIter(ctx, s.bucket, opts) {
			if o.Err != nil {
				yield(Version{}, fault("list versions", prefix, o.Err))
				return
			}
			v := Version{
				Info:   Info{Key: o.Key, Size: o.Size, ETag: o.ETag, LastModified: o.LastModified, VersionID: o.VersionID},
				Latest: o.IsLatest, Marker: o.IsDeleteMarker,
			}
			if !yield(v, nil) {
				return
			}
		}
		// The iterator of minio-go ends silently when the context does.
		if err := ctx.Err(); err != nil {
			yield(Version{}, fault("list versions", prefix, err))
		}
	}
}

// VersionsOf lists the versions of one key.
func VersionsOf(ctx context.Context, b Versions, key string) ([]Version, error) {
	var out []Version
	for v, err := range b.ListVersions(ctx, key) {
		if err != nil {
			return nil, err
		}
		if v.Key == key {
			out = append(out, v)
		}
	}
	return out, nil
}
