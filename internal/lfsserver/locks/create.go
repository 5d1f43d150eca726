package locks

import (
	"context"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/pause"
)

// Create locks a path for its owner. It returns *PathError, *RefError, *HeldError
// with the lock that is in the way (which may be the owner's own), or what the
// store said; then it is not known whether the lock was taken, and a list shows.
func (s *Service) Create(ctx context.Context, path, owner, ref string) (Lock, error) {
	path, err := CleanPath(path)
	if err != nil {
		return Lock{}, err
	}
	if err := checkRef(ref); err != nil {
		return Lock{}, err
	}
	mine := &record{Lock: Lock{
		ID: newID(path), Path: path, Owner: owner, Ref: ref, LockedAt: s.Now().UTC().Truncate(time.Second),
	}}
	cond := objectstore.Condition{IfAbsent: true}
	for {
		now, err := s.write(ctx, mine, cond)
		switch {
		case errors.Is(err, objectstore.ErrNotFound):
			cond = objectstore.Condition{IfAbsent: true} // the tombstone has gone meanwhile
			continue
		case err != nil:
			return Lock{}, err
		case now.ID == mine.ID:
			return mine.Lock, nil
		case now.Released == nil:
			return Lock{}, &HeldError{Lock: now.Lock}
		}
		if cond, err = s.overTombstone(ctx, now); err != nil {
			return Lock{}, err
		}
	}
}

// overTombstone is the condition under which a tombstone may be written over: not
// while a DELETE may still land that was meant for it.
func (s *Service) overTombstone(ctx context.Context, now found) (objectstore.Condition, error) {
	name := nameOf(now.Path)
	for now.Released != nil && now.Released.fenced(now.date) {
		if pause.For(ctx, fenceLook) != nil {
			return objectstore.Condition{}, objectstore.ErrUnavailable
		}
		next, err := s.read(ctx, name)
		if errors.Is(err, objectstore.ErrNotFound) {
			return objectstore.Condition{IfAbsent: true}, nil
		}
		if err != nil {
			return objectstore.Condition{}, err
		}
		now = next
	}
	if now.Released == nil {
		return objectstore.Condition{IfAbsent: true}, nil // somebody was faster, as the next write will find
	}
	return objectstore.Condition{IfMatch: now.etag}, nil
}
