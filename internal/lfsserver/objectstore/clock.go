package objectstore

import (
	"context"
	"fmt"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
)

// Clock is the store's time: ages of objects are counted by the clock that dated
// them. It asks for the owner object, which a repository that is served has.
func Clock(ctx context.Context, b Bucket, prefix layout.Prefix) (time.Time, error) {
	info, err := b.Head(ctx, prefix.Owner())
	if err != nil {
		return time.Time{}, fmt.Errorf("asking the store for its time: %w", err)
	}
	if info.Date.IsZero() {
		return time.Time{}, fmt.Errorf("%w: it does not tell the time", ErrUnavailable)
	}
	return info.Date, nil
}
