package upload

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// SweepAfter is how long nothing may have been heard of an upload before it is
// thrown away: longer than links live, and than the longest proof.
const SweepAfter = 72 * time.Hour

// Sweep throws uploads away that nobody has finished, and staging objects that
// nobody is proving, all by the store's clock, and returns how many of each. It
// touches no final object.
func Sweep(ctx context.Context, store objectstore.Store, prefix layout.Prefix, after time.Duration) (uploads, staged int, err error) {
	now, err := objectstore.Clock(ctx, store, prefix)
	if err != nil {
		return 0, 0, err
	}
	for info, err := range store.List(ctx, prefix.Uploads(), "") {
		if err != nil {
			return uploads, staged, err
		}
		if now.Sub(info.LastModified) < after {
			continue
		}
		if err := sweepOne(ctx, store, prefix, info.Key); err != nil {
			return uploads, staged, err
		}
		uploads++
	}
	for info, err := range store.List(ctx, prefix.Stagings(), "") {
		if err != nil {
			return uploads, staged, err
		}
		if now.Sub(info.LastModified) < after {
			continue
		}
		if err := store.Delete(ctx, info.Key, ""); err != nil {
			return uploads, staged, err
		}
		staged++
	}
	return uploads, staged, nil
}

// sweepOne throws one registered upload away. One that cannot be read is left: a
// person has to look at it.
func sweepOne(ctx context.Context, store objectstore.Store, prefix layout.Prefix, key string) error {
	raw, _, err := objectstore.ReadSmall(ctx, store, key, "", maxRegister)
	if errors.Is(err, objectstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	client := strings.TrimSuffix(path.Base(key), ".json")
	r, ok := parseRegister(raw)
	if !ok || prefix.Upload(r.OID, client) != key {
		return nil
	}
	s := &Service{Store: store, Prefix: prefix}
	return s.discard(ctx, client, &r)
}
