// Package purge deletes the data of a deleted repository: every object under its
// prefix, after the owner object there has said whose they are.
package purge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
)

// workers delete at the same time: one round trip is nearly all that a delete is.
const workers = 16

// Report says what was done.
type Report struct {
	Deleted int64
	// Nothing says why nothing was to be deleted, where that is so.
	Nothing string
}

// Run deletes everything under the prefix if the repository with that UID owns
// it. A prefix that it never claimed, or that is another's, is left alone: that
// is no error, since nothing of this repository lies there.
//
// The owner object goes last: a run that stops midway can be run again, and
// nobody else can claim the prefix before it is empty. In a versioned bucket the
// versions stay, for as long as the bucket's own rules keep them.
func Run(ctx context.Context, b objectstore.Bucket, prefix layout.Prefix, uid string) (Report, error) {
	owner, _, err := objectstore.ReadOwner(ctx, b, prefix, "")
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return Report{Nothing: "the prefix was never claimed"}, nil
	case errors.Is(err, objectstore.ErrBucketMissing):
		return Report{Nothing: "the bucket does not exist"}, nil
	case err != nil:
		return Report{}, fmt.Errorf("reading whose prefix it is: %w", err)
	case owner.UID != uid:
		return Report{Nothing: fmt.Sprintf("the prefix belongs to LFSRepository %s/%s", owner.Namespace, owner.Name)}, nil
	}
	if owner.Adopting != nil {
		return Report{Nothing: fmt.Sprintf("what lies there was %s's, and its adoption never came to its end", owner.Adopting.From)}, nil
	}
	if store, ok := b.(objectstore.Store); ok {
		// Parts are in no listing: their register says where they are.
		if _, err := stream.Sweep(ctx, store, prefix, -time.Hour); err != nil {
			return Report{}, err
		}
		if _, _, err := upload.Sweep(ctx, store, prefix, -time.Hour); err != nil {
			return Report{}, err
		}
	}
	n, err := deleteAll(ctx, b, prefix)
	if err != nil {
		return Report{Deleted: n}, err
	}
	if err := b.Delete(ctx, prefix.Owner(), ""); err != nil {
		return Report{Deleted: n}, err
	}
	return Report{Deleted: n + 1}, nil
}

// deleteAll lists once and deletes as it goes. The first error ends it.
func deleteAll(ctx context.Context, b objectstore.Bucket, prefix layout.Prefix) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	keys := make(chan string)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var deleted int64
	for range workers {
		wg.Go(func() {
			for key := range keys {
				if err := b.Delete(ctx, key, ""); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				deleted++
				mu.Unlock()
			}
		})
	}
	feed(ctx, b, prefix, keys, cancel)
	close(keys)
	wg.Wait()
	return deleted, context.Cause(ctx)
}

func feed(ctx context.Context, b objectstore.Bucket, prefix layout.Prefix, keys chan<- string, cancel context.CancelCauseFunc) {
	for info, err := range b.List(ctx, string(prefix), "") {
		if err != nil {
			cancel(err)
			return
		}
		if info.Key == prefix.Owner() {
			continue
		}
		select {
		case keys <- info.Key:
		case <-ctx.Done():
			return
		}
	}
}
