package objectstore

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// copiesAtOnce is how many parts of one object are copied at the same time.
const copiesAtOnce = 4

// copyParts copies an object as it was seen into a multipart upload of another key,
// within the store. Nothing of it shows before somebody completes the upload with
// the parts that are returned.
func (p Publisher) copyParts(ctx context.Context, key, uploadID string, src Info) ([]Part, error) {
	// As few parts as may be, of equal size, so that none is too small.
	n := min((src.Size+p.copyPart-1)/p.copyPart, MaxParts)
	size := (src.Size + n - 1) / n
	parts := make([]Part, (src.Size+size-1)/size)
	copies, work := errgroup.WithContext(ctx)
	copies.SetLimit(copiesAtOnce)
	for i := range parts {
		offset := int64(i) * size
		copies.Go(func() (err error) {
			if err := work.Err(); err != nil {
				return err
			}
			parts[i], err = p.store.CopyPart(work, src.Key, src.ETag, offset, min(size, src.Size-offset), key, uploadID, i+1)
			return err
		})
	}
	if err := copies.Wait(); err != nil {
		return nil, err
	}
	return parts, nil
}
