package locks

import (
	"context"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Release releases a lock and returns it as it was. It returns ErrNone where
// nobody holds it, *ForeignError where it is not who's and force is not given, or
// what the store said. Whoever has released a lock may do so again, until its
// tombstone goes: the first answer may have been lost.
func (s *Service) Release(ctx context.Context, id, who string, force bool) (Lock, error) {
	name, ok := nameIn(id)
	if !ok {
		return Lock{}, ErrNone
	}
	now, err := s.read(ctx, name)
	for {
		switch {
		case errors.Is(err, objectstore.ErrNotFound):
			return Lock{}, ErrNone
		case err != nil:
			return Lock{}, err
		case now.ID != id, now.Released != nil && now.Released.By != who:
			return Lock{}, ErrNone
		case now.Released != nil:
			return now.Lock, nil
		case now.Owner != who && !force:
			return Lock{}, &ForeignError{Lock: now.Lock}
		}
		tombstone := &record{Lock: now.Lock, Released: &release{By: who, At: s.Now().UTC().Truncate(time.Second)}}
		now, err = s.write(ctx, tombstone, objectstore.Condition{IfMatch: now.etag})
	}
}
