package sweep

import (
	"context"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
)

// removeMarkers removes those that can rescue nothing any more.
func (r *run) removeMarkers(ctx context.Context) error {
	markers, err := index.Markers(ctx, r.bucket, r.prefix)
	if err != nil {
		return err
	}
	for _, m := range markers {
		if !m.Closed(r.index.Index) {
			continue
		}
		if err := r.bucket.Delete(ctx, m.Key, ""); err != nil {
			return err
		}
	}
	return nil
}

// keepScans is how long a scan can be looked at after its run.
const keepScans = 24 * time.Hour

// removeScans removes what scans of old runs left.
func (r *run) removeScans(ctx context.Context) error {
	for info, err := range r.bucket.List(ctx, r.prefix.GCScans(), "") {
		if err != nil {
			return err
		}
		if strings.HasPrefix(info.Key, r.prefix.GCScan(r.Run)) || r.bucket.Date().Sub(info.LastModified) < keepScans {
			continue
		}
		if err := r.bucket.Delete(ctx, info.Key, ""); err != nil {
			return err
		}
	}
	return nil
}
