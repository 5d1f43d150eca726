package batch

import (
	"context"
	"errors"
	"net/http"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/presence"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
)

// beginDownload reads the index for the sake of the memory alone: without it every
// object is looked for.
func (s *Service) beginDownload(ctx context.Context, d transfer.Dialect, _ []RequestObject) (answers, error) {
	var known presence.Known
	if view, err := s.Guard.Begin(ctx); err == nil {
		known = s.known(view)
	}
	return answers{
		quick: func(ctx context.Context, o RequestObject) (Answer, bool, error) {
			if a, ok := valid(o); !ok {
				return a, true, nil
			}
			size, ok := known.Size(o.OID)
			if !ok {
				return Answer{}, false, nil
			}
			a, err := s.offered(ctx, d, o, size)
			return a, true, err
		},
		slow: func(ctx context.Context, o RequestObject) (Answer, error) {
			return s.download(ctx, d, known, o)
		},
	}, nil
}

// download answers for one object that the client wants.
func (s *Service) download(ctx context.Context, d transfer.Dialect, known presence.Known, o RequestObject) (Answer, error) {
	info, err := s.Bucket.Head(ctx, s.Prefix.Object(o.OID))
	if errors.Is(err, objectstore.ErrNotFound) {
		return s.missing(ctx, o)
	}
	if err != nil {
		return Answer{}, Busy("the object store does not answer", err)
	}
	known.Add(o.OID, info.Size)
	return s.offered(ctx, d, o, info.Size)
}

// offered answers with the way to download an object of that size.
func (s *Service) offered(ctx context.Context, d transfer.Dialect, o RequestObject, size int64) (Answer, error) {
	actions, err := d.Download(ctx, s.Session, transfer.Object{OID: o.OID, Size: size})
	if err != nil {
		return Answer{}, err
	}
	return Answer{OID: o.OID, Size: size, Authenticated: true, Actions: actions, outcome: OutcomeDownload}, nil
}

// missing tells an object that was pruned from one that never was.
func (s *Service) missing(ctx context.Context, o RequestObject) (Answer, error) {
	reason, err := s.Guard.Tombstone(ctx, o.OID)
	switch {
	case err != nil:
		return Answer{}, Busy("the object store does not answer", err)
	case reason != "":
		return failed(o, http.StatusGone, OutcomePruned, reason), nil
	}
	return failed(o, http.StatusNotFound, OutcomeMissing, "the object does not exist"), nil
}
