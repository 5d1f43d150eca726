// Package protect reads what garbage collection leaves alone whatever history says:
// the versions of paths that somebody has locked, and objects that are being
// uploaded.
package protect

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/locks"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Read reads the locks that are held and the registers of uploads. What cannot be
// read is an error: half a list would protect half of it.
func Read(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (plan.Protected, error) {
	out := plan.Protected{Locked: map[string]string{}, Uploading: map[string]bool{}}
	for lock, err := range locks.Held(ctx, b, p) {
		if err != nil {
			return out, fmt.Errorf("reading the locks: %w", err)
		}
		out.Locked[liveset.SafePath(lock.Path)] = fmt.Sprintf("the path is locked by %s since %s", lock.Owner, lock.LockedAt.UTC().Format(time.RFC3339))
	}
	for _, registers := range []string{p.Uploads(), p.Streams()} {
		for info, err := range b.List(ctx, registers, "") {
			if err != nil {
				return out, fmt.Errorf("listing the uploads under way: %w", err)
			}
			// {registers}ab/{oid}/{client}.json
			if oid := path.Base(path.Dir(info.Key)); layout.IsOID(oid) {
				out.Uploading[oid] = true
			}
		}
	}
	return out, nil
}
