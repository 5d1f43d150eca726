package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Service works on the uploads of one repository. It is made anew for each
// request, of parts that are shared.
type Service struct {
	Store     objectstore.Store
	Prefix    layout.Prefix
	Guard     batch.Guard
	Publisher objectstore.Publisher
	Proofs    *Proofs
	Now       func() time.Time
}

// Order is what a client wants to upload.
type Order struct {
	OID  string
	Size int64
	// PartSize in bytes, from PartSize.
	PartSize int64
	// Client is the principal's key (ClientOf), By its name for people.
	Client, By string
	// Fresh asks for an upload whose parts can be written: clients that upload
	// every part again cannot use one that waits for its proof.
	Fresh bool
}

// Upload is how far an upload has come.
type Upload struct {
	*Register
	// Ref names it in tokens.
	Ref Ref
	// Done are the parts that are there with their sizes, by number.
	Done []objectstore.Part
	// Assembled: the parts have become one object, which waits for its proof.
	Assembled bool
}

// attempts of a register that others write at the same time.
const attempts = 3

// Begin returns the upload that the client has begun before, or a new one.
func (s *Service) Begin(ctx context.Context, o Order) (*Upload, error) {
	for range attempts {
		old, err := s.load(ctx, o.OID, o.Client)
		var cond objectstore.Condition
		switch {
		case errors.Is(err, objectstore.ErrNotFound):
			cond.IfAbsent = true
		case err != nil:
			return nil, err
		default:
			if old.Size == o.Size {
				u, err := s.resume(ctx, o, old)
				if err != nil || u != nil {
					return u, err
				}
			}
			cond.IfMatch = old.info.ETag
		}
		u, err := s.create(ctx, o, cond)
		if !errors.Is(err, objectstore.ErrPreconditionFailed) {
			return u, err
		}
	}
	return nil, fmt.Errorf("%w: the register of an upload changes all the time", objectstore.ErrUnavailable)
}

// restamp is the age at which the register of a resumed upload is written again:
// sweeping goes by its time.
const restamp = time.Hour

// resume returns nil where there is nothing to go on with. What is left of it
// then is swept later: somebody may be proving it right now.
func (s *Service) resume(ctx context.Context, o Order, r stored) (*Upload, error) {
	u, err := s.look(ctx, o.Client, r.Register)
	switch {
	case errors.Is(err, ErrNone):
		return nil, nil
	case err != nil:
		return nil, err
	case u.Assembled && o.Fresh:
		return nil, nil
	}
	if r.info.Date.Sub(r.info.LastModified) > restamp {
		if err := s.update(ctx, o.Client, &r); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// create makes an upload and registers it, in this order: nobody knows its ID
// before the register says it.
func (s *Service) create(ctx context.Context, o Order, cond objectstore.Condition) (*Upload, error) {
	r := &Register{ID: newID(), OID: o.OID, Size: o.Size, PartSize: o.PartSize, By: o.By, CreatedAt: s.Now().UTC().Truncate(time.Second)}
	staging := s.Prefix.Staging(r.ID)
	var err error
	if r.UploadID, err = s.Store.Create(ctx, staging); err != nil {
		return nil, err
	}
	if _, err := s.save(ctx, o.Client, r, cond); err != nil {
		_ = s.Store.Abort(context.WithoutCancel(ctx), staging, r.UploadID)
		return nil, err
	}
	return &Upload{Register: r, Ref: Ref{Client: o.Client, ID: r.ID}}, nil
}

// look asks the store how far an upload has come; ErrNone where nothing is left
// of it.
func (s *Service) look(ctx context.Context, client string, r *Register) (*Upload, error) {
	u := &Upload{Register: r, Ref: Ref{Client: client, ID: r.ID}}
	parts, err := s.Store.ListParts(ctx, s.Prefix.Staging(r.ID), r.UploadID)
	if err == nil {
		u.Done, _ = r.sort(parts)
		return u, nil
	}
	if !errors.Is(err, objectstore.ErrNotFound) {
		return nil, err
	}
	_, err = s.Store.Head(ctx, s.Prefix.Staging(r.ID))
	if errors.Is(err, objectstore.ErrNotFound) && !r.assembling(s.Now(), assemblyTime) {
		return nil, ErrNone
	}
	if err != nil && !errors.Is(err, objectstore.ErrNotFound) {
		return nil, err
	}
	u.Assembled = true
	return u, nil
}

// Look is how far an upload has come; ErrNone where there is none.
func (s *Service) Look(ctx context.Context, oid string, ref Ref) (*Upload, error) {
	r, err := s.find(ctx, oid, ref)
	if err != nil {
		return nil, err
	}
	return s.look(ctx, ref.Client, r.Register)
}

// Find is Look without a look at the parts.
func (s *Service) Find(ctx context.Context, oid string, ref Ref) (*Register, error) {
	r, err := s.find(ctx, oid, ref)
	return r.Register, err
}

// PutPart writes a part that came through this server. It is proven with the rest.
func (s *Service) PutPart(ctx context.Context, r *Register, number int, body io.Reader, size int64) (objectstore.Part, error) {
	p, err := s.Store.PutPart(ctx, s.Prefix.Staging(r.ID), r.UploadID, number, body, size)
	if errors.Is(err, objectstore.ErrNotFound) {
		err = ErrNone
	}
	return p, err
}

// Abort throws an upload away. One that is gone is no error.
func (s *Service) Abort(ctx context.Context, oid string, ref Ref) error {
	r, err := s.find(ctx, oid, ref)
	if errors.Is(err, ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.discard(ctx, ref.Client, r.Register)
}
