package upload

import (
	"context"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Target is what a client wants finished.
type Target struct {
	OID  string
	Size int64
	Ref  Ref
	// Parts as the client lists them, where that is to be checked. What counts
	// is the store's list.
	Parts []ClaimedPart
}

// Finish makes the object of an upload appear under its final key, or says why
// not: ErrNone, *MissingError, *PartsError, objectstore.ErrWrongContent (the
// upload is gone then), batch.ErrSize, or an error after which it may be tried
// again. Doing it twice, or from several replicas at once, is harmless. It goes
// on when ctx ends before it: the client will ask again.
func (s *Service) Finish(ctx context.Context, t Target) (objectstore.Info, error) {
	return s.Proofs.join(ctx, t, func(ctx context.Context) (objectstore.Info, error) {
		return s.finish(ctx, t)
	})
}

func (s *Service) finish(ctx context.Context, t Target) (objectstore.Info, error) {
	info, err := s.present(ctx, t)
	if err == nil {
		s.tidy(ctx, t)
		return info, nil
	}
	if !errors.Is(err, objectstore.ErrNotFound) {
		return info, err
	}
	r, err := s.find(ctx, t.OID, t.Ref)
	switch {
	case err != nil:
		return info, err
	case r.Size != t.Size:
		return info, batch.ErrSize
	}
	if err := s.publish(ctx, t, &r); err != nil {
		return s.failed(ctx, t, r.Register, err)
	}
	info, err = s.Store.Head(ctx, s.Prefix.Object(t.OID))
	if err == nil {
		s.tidy(ctx, t)
	}
	return info, err
}

// failed decides what an error means: that somebody else was faster, that the
// upload is no good, or that it may be tried again.
func (s *Service) failed(ctx context.Context, t Target, r *Register, err error) (objectstore.Info, error) {
	switch {
	case errors.Is(err, objectstore.ErrWrongContent):
		// Clients may take the verdict for final only once the upload is gone.
		if gone := s.discard(ctx, t.Ref.Client, r); gone != nil {
			return objectstore.Info{}, gone
		}
	case errors.Is(err, objectstore.ErrNotFound), errors.Is(err, objectstore.ErrPreconditionFailed), errors.Is(err, ErrNone):
		if info, there := s.present(ctx, t); there == nil {
			return info, nil
		}
		if !errors.Is(err, ErrNone) || s.assembling(ctx, t, assemblyTime) {
			return objectstore.Info{}, busy(err)
		}
		// Nothing but the register may be left. Sweeping removes it: to throw an
		// upload away because one look did not find it could throw away another
		// replica's work.
	case errors.As(err, new(*MissingError)) && s.assembling(ctx, t, listTime):
		return objectstore.Info{}, busy(err)
	}
	return objectstore.Info{}, err
}

// Times after the begin of an assembly.
const (
	// assemblyTime is how long a store may show neither the upload nor its object.
	assemblyTime = 15 * time.Minute
	// listTime is how long its list of parts may be one that is being taken away.
	listTime = 10 * time.Second
)

// assembling is true when a replica has told the store to assemble the upload, so
// that what was seen of it means nothing.
func (s *Service) assembling(ctx context.Context, t Target, within time.Duration) bool {
	r, err := s.find(ctx, t.OID, t.Ref)
	return err == nil && r.assembling(s.Now(), within)
}

func (r *Register) assembling(now time.Time, within time.Duration) bool {
	return !r.AssembledAt.IsZero() && now.Sub(r.AssembledAt) < within
}

func busy(cause error) error {
	return &batch.BusyError{Message: "the upload is being finished already; try again", RetryAfter: 2 * time.Second, Cause: cause}
}

// publish goes from parts to the final object.
func (s *Service) publish(ctx context.Context, t Target, r *stored) error {
	steps := objectstore.Steps{
		Gate: func(ctx context.Context) error { return s.gate(ctx, t.OID) },
		Copying: func(ctx context.Context, id string) error {
			return s.copying(ctx, t, r, id)
		},
	}
	if r.Size == 0 {
		return s.Publisher.PublishEmpty(ctx, r.OID, steps)
	}
	if err := s.assemble(ctx, t, r); err != nil {
		return err
	}
	release, err := s.Proofs.slot(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.Publisher.Publish(ctx, r.OID, r.Size, s.Prefix.Staging(r.ID), steps)
}

// assemble makes the staging object of the parts, unless somebody has.
func (s *Service) assemble(ctx context.Context, t Target, r *stored) error {
	staging := s.Prefix.Staging(r.ID)
	have, err := s.Store.ListParts(ctx, staging, r.UploadID)
	if err == nil {
		good, missing := r.sort(have)
		if err := compare(t.Parts, good); len(missing) == 0 && err != nil {
			return err
		}
		if len(missing) > 0 {
			return &MissingError{Parts: missing}
		}
		err = s.complete(ctx, t, r, good)
	}
	if err == nil {
		return nil
	}
	// Another replica was faster, an answer got lost, or there is no upload.
	if _, there := s.Store.Head(ctx, staging); there == nil {
		return nil
	}
	if errors.Is(err, objectstore.ErrNotFound) {
		return ErrNone
	}
	return err
}

// complete tells the store, and everybody else first.
func (s *Service) complete(ctx context.Context, t Target, r *stored, parts []objectstore.Part) error {
	r.AssembledAt = s.Now().UTC()
	if err := s.update(ctx, t.Ref.Client, r); err != nil {
		return err
	}
	err := s.Store.Complete(ctx, s.Prefix.Staging(r.ID), r.UploadID, parts)
	if errors.Is(err, objectstore.ErrPreconditionFailed) {
		r.AssembledAt = time.Time{} // a part was replaced: nothing is being assembled
		return errors.Join(err, s.update(ctx, t.Ref.Client, r))
	}
	return err
}

// copying remembers the server's own upload to the final key, after throwing
// away one that was not finished. Where the register has changed since it was read
// the upload cannot be remembered, and nobody would ever throw it away: nothing is
// copied then.
func (s *Service) copying(ctx context.Context, t Target, r *stored, id string) error {
	if r.CopyID != "" {
		if err := s.Store.Abort(ctx, s.Prefix.Object(r.OID), r.CopyID); err != nil {
			return err
		}
	}
	r.CopyID = id
	etag, err := s.save(ctx, t.Ref.Client, r.Register, objectstore.Condition{IfMatch: r.info.ETag})
	if err == nil {
		r.info.ETag = etag
		return nil
	}
	if errors.Is(err, objectstore.ErrPreconditionFailed) {
		// A write that was repeated looks like one that came too late.
		if now, lost := s.load(ctx, r.OID, t.Ref.Client); lost == nil && now.CopyID == id {
			r.info.ETag = now.info.ETag
			return nil
		}
	}
	return err
}

// present looks for the final object, after garbage collection's index: the rules
// are those of a batch.
func (s *Service) present(ctx context.Context, t Target) (objectstore.Info, error) {
	if err := s.gate(ctx, t.OID); err != nil {
		return objectstore.Info{}, err
	}
	info, err := s.Store.Head(ctx, s.Prefix.Object(t.OID))
	if err == nil && info.Size != t.Size {
		return info, batch.ErrSize
	}
	return info, err
}

// gate keeps garbage collection from deleting what is about to be written or has
// been found: an object that is being deleted must not be written, and one that
// is condemned is marked first.
func (s *Service) gate(ctx context.Context, oid string) error {
	return batch.Gate(ctx, s.Guard, oid)
}

// tidy removes what is left of an upload whose object is there. What it cannot
// remove is swept later.
func (s *Service) tidy(ctx context.Context, t Target) {
	if r, err := s.find(ctx, t.OID, t.Ref); err == nil {
		_ = s.discard(ctx, t.Ref.Client, r.Register)
	}
}
