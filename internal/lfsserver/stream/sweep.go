package stream

import (
	"context"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Sweep throws uploads away of which nothing was heard for so long, by the store's
// clock, and returns how many. Staged pieces that no register names are package
// upload's to sweep.
func Sweep(ctx context.Context, store objectstore.Store, prefix layout.Prefix, after time.Duration) (n int, err error) {
	now, err := objectstore.Clock(ctx, store, prefix)
	if err != nil {
		return 0, err
	}
	s := &Service{Store: store, Prefix: prefix, Receiver: objectstore.NewReceiver(store, prefix, serverstatus.Capabilities{})}
	for info, err := range store.List(ctx, prefix.Streams(), "") {
		if err != nil {
			return n, err
		}
		if now.Sub(info.LastModified) < after {
			continue
		}
		e, _, err := load(ctx, store, info.Key)
		if errors.Is(err, objectstore.ErrUnavailable) {
			return n, err
		}
		if err != nil {
			continue // gone, or nothing that we wrote: a person has to look at it
		}
		err = s.discard(ctx, e)
		if errors.Is(err, ErrOvertaken) {
			continue // the client is back
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
