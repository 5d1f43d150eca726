package objectstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"
)

// copiesAtOnce is how many parts of one object are copied at the same time.
const copiesAtOnce = 4

// errNoParts: the store does not copy parts, only whole objects.
var errNoParts = errors.New("the store does not copy parts of objects")

// copyParts copies an object as it was seen into a multipart upload of another key,
// within the store. Nothing of it shows before somebody completes the upload with
// the parts that are returned. It returns errNoParts where that cannot be.
func (p Publisher) copyParts(ctx context.Context, key, uploadID string, src Info) ([]Part, error) {
	// As few parts as may be, of equal size, so that none is too small.
	n := min((src.Size+p.copyLimit-1)/p.copyLimit, MaxParts)
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
	err := copies.Wait()
	if f := new(Fault); errors.As(err, &f) && (f.Status == http.StatusNotImplemented || f.Status == http.StatusMethodNotAllowed) {
		err = fmt.Errorf("%w: %w", errNoParts, err)
	}
	if err != nil {
		return nil, err
	}
	return parts, nil
}
