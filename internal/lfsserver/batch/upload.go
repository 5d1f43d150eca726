package batch

import (
	"context"
	"errors"
	"sync"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/presence"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
)

// beginUpload reads garbage collection's index: before anything is looked for, be
// it in the store or in memory.
func (s *Service) beginUpload(ctx context.Context, d transfer.Dialect, objects []RequestObject) (answers, error) {
	absent := s.absent(ctx, d, objects)
	view, err := s.Guard.Begin(ctx)
	if err != nil {
		return answers{}, Busy("garbage collection's index cannot be read", err)
	}
	known := s.known(view)
	return answers{
		quick: func(ctx context.Context, o RequestObject) (Answer, bool, error) {
			if a, ok := valid(o); !ok {
				return a, true, nil
			}
			if view.State(o.OID) != Unlisted {
				return Answer{}, false, nil
			}
			if size, ok := known.Size(o.OID); ok {
				return there(o, size), true, nil
			}
			// The links of other dialects need the store.
			if d.Label() == transfer.NameBasic && absent().Sure(o.OID, o.Size.Bytes) {
				a, err := s.wanted(ctx, d, o)
				return a, true, err
			}
			return Answer{}, false, nil
		},
		slow: func(ctx context.Context, o RequestObject) (Answer, error) {
			if err := Protect(ctx, view, o.OID); err != nil {
				return Answer{}, err
			}
			if absent().Sure(o.OID, o.Size.Bytes) {
				return s.wanted(ctx, d, o)
			}
			return s.upload(ctx, d, known, o)
		},
	}, nil
}

// fewest objects of a batch for which it is worth to ask who else hands out links.
const fewest = 4

// absent asks once what is known of objects that are not there: at once where that is
// likely to be needed, so that nobody waits for it after the index. It may come before
// the index, since it never says that something is there.
func (s *Service) absent(ctx context.Context, d transfer.Dialect, objects []RequestObject) func() presence.Absent {
	if len(objects) < fewest {
		return func() presence.Absent { return presence.Absent{} }
	}
	ask := sync.OnceValue(func() presence.Absent { return s.Absence.Begin(ctx) })
	if d.Label() == transfer.NameBasic && !s.remembered(objects[0].OID) {
		go ask()
	}
	return ask
}

func (s *Service) remembered(oid string) bool {
	if s.Memory == nil {
		return false
	}
	_, ok := s.Memory.Last().Size(oid)
	return ok
}

// upload answers for one object that the client has. It comes after Protect: first
// garbage collection, then the store; the other order loses objects.
func (s *Service) upload(ctx context.Context, d transfer.Dialect, known presence.Known, o RequestObject) (Answer, error) {
	info, err := s.Bucket.Head(ctx, s.Prefix.Object(o.OID))
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return s.wanted(ctx, d, o)
	case err != nil:
		return Answer{}, Busy("the object store does not answer", err)
	}
	known.Add(o.OID, info.Size)
	return there(o, info.Size), nil
}

// there is the answer for an object of that size that the client need not upload.
func there(o RequestObject, size int64) Answer {
	if size != o.Size.Bytes {
		return refuse(o, "the object is stored already, with %d bytes; a file of %d bytes cannot have this OID", size, o.Size.Bytes)
	}
	return Answer{OID: o.OID, Size: size, outcome: OutcomePresent}
}

// wanted answers with the way to upload an object.
func (s *Service) wanted(ctx context.Context, d transfer.Dialect, o RequestObject) (Answer, error) {
	if o.Size.Bytes > d.MaxUpload() {
		return refuse(o, "the object has %d bytes, more than the %d that one request can upload; a multipart upload is needed",
			o.Size.Bytes, d.MaxUpload()), nil
	}
	if a, refused, err := s.reserve(ctx, o); refused || err != nil {
		return a, err
	}
	s.Absence.Announce(ctx)
	if d.Label() != transfer.NameBasic {
		s.Absence.Arrived(o.OID) // its clients may not verify
	}
	actions, err := d.Upload(ctx, s.Session, transfer.Object{OID: o.OID, Size: o.Size.Bytes})
	if err != nil {
		return Answer{}, err
	}
	return Answer{OID: o.OID, Size: o.Size.Bytes, Authenticated: true, Actions: actions, outcome: OutcomeUpload}, nil
}
