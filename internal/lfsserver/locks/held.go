package locks

import (
	"context"
	"iter"
	"path"
	"slices"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Held yields every lock that is held, for readers beside the server such as
// garbage collection. It writes nothing and ends with the first error; what is not
// a lock of ours is left out.
func Held(ctx context.Context, b objectstore.Bucket, p layout.Prefix) iter.Seq2[Lock, error] {
	s := &Service{Bucket: b, Prefix: p, Cache: NewCache(MaxCached)}
	return func(yield func(Lock, error) bool) {
		var keys []key
		for info, err := range b.List(ctx, p.Locks(), "") {
			if err != nil {
				yield(Lock{}, err)
				return
			}
			if name := path.Base(info.Key); validName(name) && p.Lock(name) == info.Key {
				keys = append(keys, key{name, info.ETag})
			}
		}
		if len(keys) >= worthLoading {
			s.load(ctx)
		}
		for group := range slices.Chunk(keys, MaxPage) {
			records := make([]*record, len(group))
			if err := s.readMissing(ctx, group, records, s.recall(group, records)); err != nil {
				yield(Lock{}, err)
				return
			}
			for _, r := range records {
				if r != nil && r.Released == nil && !yield(r.Lock, nil) {
					return
				}
			}
		}
	}
}
