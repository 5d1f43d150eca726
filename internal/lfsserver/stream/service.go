package stream

import (
	"context"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Service receives the objects of one repository. It is made anew for each
// request, of parts that are shared.
type Service struct {
	Store    objectstore.Store
	Receiver objectstore.Receiver
	Prefix   layout.Prefix
	Guard    batch.Guard
	Now      func() time.Time
	// Stopping, where set, is closed when the server is about to end.
	Stopping <-chan struct{}
}

// Target is the object that a client sends.
type Target struct {
	OID  string
	Size int64
	// Client is the key that the upload is registered under. Two principals never
	// share an upload: one could spoil the other's.
	Client string
}

// Offset is where the next Open has to begin, in bytes; Size when the object is
// there. A writer that still runs is overtaken: what it has not registered by now
// it will not.
func (s *Service) Offset(ctx context.Context, t Target) (int64, error) {
	_, err := s.present(ctx, t)
	if err == nil || !errors.Is(err, objectstore.ErrNotFound) {
		return t.Size, err
	}
	if t.Size == 0 { // a client may take offset 0 of 0 for success
		_, err := s.Receiver.Put(ctx, t.OID, nil, 0, s.gate(t))
		return 0, err
	}
	for range attempts {
		e, err := s.find(ctx, t)
		if err != nil || e == nil {
			return 0, err
		}
		if !e.Writing {
			return e.Offset, nil
		}
		e.Epoch++
		e.Writing = false
		if err := e.save(ctx, s.Store); !errors.Is(err, ErrOvertaken) {
			return e.Offset, err
		}
	}
	return 0, busy(ErrOvertaken)
}

// attempts at a register that a writer changes at the same time.
const attempts = 5

func busy(cause error) error {
	return &batch.BusyError{Message: "the upload is in use; try again", RetryAfter: 2 * time.Second, Cause: cause}
}

// present looks for the object, after garbage collection's index: the rules are
// those of a batch.
func (s *Service) present(ctx context.Context, t Target) (objectstore.Info, error) {
	if err := batch.Gate(ctx, s.Guard, t.OID); err != nil {
		return objectstore.Info{}, err
	}
	info, err := s.Store.Head(ctx, s.Prefix.Object(t.OID))
	if err == nil && info.Size != t.Size {
		return info, batch.ErrSize
	}
	return info, err
}

func (s *Service) gate(t Target) func(context.Context) error {
	return func(ctx context.Context) error { return batch.Gate(ctx, s.Guard, t.OID) }
}

// completing is how long a store may show neither the upload nor its object.
const completing = 15 * time.Minute

// find returns the upload that can be gone on with, nil where there is none. What
// is left of one that cannot is removed.
func (s *Service) find(ctx context.Context, t Target) (*entry, error) {
	e, _, err := load(ctx, s.Store, s.Prefix.Stream(t.OID, t.Client))
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case e.Dead:
		return nil, s.remove(ctx, e)
	case e.Size != t.Size, e.Next > objectstore.MaxParts:
		return nil, s.discard(ctx, e)
	case e.UploadID == "":
		return e, nil
	}
	err = s.Receiver.Alive(ctx, e.OID, e.UploadID)
	if !errors.Is(err, objectstore.ErrNotFound) {
		return e, err
	}
	if !e.CompletingAt.IsZero() && s.Now().Sub(e.CompletingAt) < completing {
		return nil, busy(errors.New("the store is completing it"))
	}
	return nil, s.discard(ctx, e)
}

// Abort throws an upload away. One that is not there is no error.
func (s *Service) Abort(ctx context.Context, t Target) error {
	e, _, err := load(ctx, s.Store, s.Prefix.Stream(t.OID, t.Client))
	if errors.Is(err, objectstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.discard(ctx, e)
}

// discard throws an upload away, unless somebody has gone on with it.
func (s *Service) discard(ctx context.Context, e *entry) error {
	e.Dead, e.Writing = true, false
	e.Epoch++
	if err := e.save(ctx, s.Store); err != nil {
		return err
	}
	return s.remove(ctx, e)
}

// remove takes away what a dead or finished upload has left; the register last, so
// that whoever is cut off here can begin again.
func (s *Service) remove(ctx context.Context, e *entry) error {
	if e.UploadID != "" {
		if err := s.Receiver.Abort(ctx, e.OID, e.UploadID); err != nil {
			return err
		}
	}
	for _, p := range e.Staged {
		if err := s.Store.Delete(ctx, s.Prefix.Staging(p.ID), ""); err != nil {
			return err
		}
	}
	now, _, err := load(ctx, s.Store, e.key)
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return nil
	case err == nil && now.ID != e.ID:
		return nil // the client has begun anew
	case err != nil:
		return err
	}
	return s.Store.Delete(ctx, e.key, "")
}
