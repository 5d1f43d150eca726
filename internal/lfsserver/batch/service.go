package batch

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
)

// Timeout is how long a batch may take, to the last byte of the answer. Garbage
// collection's waiting times count on it.
const Timeout = 10 * time.Second

// Service answers batches of one repository. It is made anew for each request,
// of parts that are shared.
type Service struct {
	Bucket  objectstore.Bucket
	Prefix  layout.Prefix
	Guard   Guard
	Session transfer.Session
	// Rules choose the dialect.
	Rules transfer.Rules
	// Lookups bounds how many objects are looked for at once, over all batches.
	Lookups *Limiter
}

// Do answers a request from Decode. ctx ends at the batch's Timeout.
func (s *Service) Do(ctx context.Context, req *Request, userAgent string) (*Response, error) {
	offer := transfer.Offer{Transfers: req.Transfers, UserAgent: userAgent, Largest: largest(req.Objects)}
	resp := &Response{HashAlgo: "sha256", Objects: make([]Answer, len(req.Objects))}
	var answer func(context.Context, RequestObject) (Answer, error)
	if req.Operation == "upload" {
		dialect := s.Rules.ForUpload(offer)
		resp.Transfer, resp.Dialect = dialect.Name(), dialect.Label()
		view, err := s.Guard.Begin(ctx)
		if err != nil {
			return nil, Busy("garbage collection's index cannot be read", err)
		}
		answer = func(ctx context.Context, o RequestObject) (Answer, error) {
			return s.upload(ctx, dialect, view, o)
		}
	} else {
		dialect := s.Rules.ForDownload(offer)
		resp.Transfer, resp.Dialect = dialect.Name(), dialect.Label()
		answer = func(ctx context.Context, o RequestObject) (Answer, error) {
			return s.download(ctx, dialect, o)
		}
	}
	err := s.Lookups.each(ctx, len(req.Objects), func(ctx context.Context, i int) (err error) {
		resp.Objects[i], err = answer(ctx, req.Objects[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// upload answers for one object that the client has. First garbage collection,
// then the store: the other order loses objects.
func (s *Service) upload(ctx context.Context, d transfer.Dialect, view View, o RequestObject) (Answer, error) {
	if a, ok := valid(o); !ok {
		return a, nil
	}
	if err := Protect(ctx, view, o.OID); err != nil {
		return Answer{}, err
	}
	info, err := s.Bucket.Head(ctx, s.Prefix.Object(o.OID))
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return s.wanted(ctx, d, o)
	case err != nil:
		return Answer{}, Busy("the object store does not answer", err)
	case info.Size != o.Size.Bytes:
		return refuse(o, "the object is stored already, with %d bytes; a file of %d bytes cannot have this OID", info.Size, o.Size.Bytes), nil
	}
	return Answer{OID: o.OID, Size: info.Size, outcome: OutcomePresent}, nil
}

// wanted answers with the way to upload an object.
func (s *Service) wanted(ctx context.Context, d transfer.Dialect, o RequestObject) (Answer, error) {
	if o.Size.Bytes > d.MaxUpload() {
		return refuse(o, "the object has %d bytes, more than the %d that one request can upload; a multipart upload is needed",
			o.Size.Bytes, d.MaxUpload()), nil
	}
	actions, err := d.Upload(ctx, s.Session, transfer.Object{OID: o.OID, Size: o.Size.Bytes})
	if err != nil {
		return Answer{}, err
	}
	return Answer{OID: o.OID, Size: o.Size.Bytes, Authenticated: true, Actions: actions, outcome: OutcomeUpload}, nil
}

// download answers for one object that the client wants.
func (s *Service) download(ctx context.Context, d transfer.Dialect, o RequestObject) (Answer, error) {
	if a, ok := valid(o); !ok {
		return a, nil
	}
	info, err := s.Bucket.Head(ctx, s.Prefix.Object(o.OID))
	if errors.Is(err, objectstore.ErrNotFound) {
		return s.absent(ctx, o)
	}
	if err != nil {
		return Answer{}, Busy("the object store does not answer", err)
	}
	actions, err := d.Download(ctx, s.Session, transfer.Object{OID: o.OID, Size: info.Size})
	if err != nil {
		return Answer{}, err
	}
	return Answer{OID: o.OID, Size: info.Size, Authenticated: true, Actions: actions, outcome: OutcomeDownload}, nil
}

// absent tells an object that was pruned from one that never was.
func (s *Service) absent(ctx context.Context, o RequestObject) (Answer, error) {
	reason, err := s.Guard.Tombstone(ctx, o.OID)
	switch {
	case err != nil:
		return Answer{}, Busy("the object store does not answer", err)
	case reason != "":
		return failed(o, http.StatusGone, OutcomePruned, reason), nil
	}
	return failed(o, http.StatusNotFound, OutcomeMissing, "the object does not exist"), nil
}

// Verify finds the object with that size, or returns ErrAbsent, ErrSize or a
// BusyError. Its content need not be looked at: nothing reaches a final key
// unproven.
func (s *Service) Verify(ctx context.Context, oid string, size int64) (objectstore.Info, error) {
	info, err := s.Bucket.Head(ctx, s.Prefix.Object(oid))
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return info, ErrAbsent
	case err != nil:
		return info, Busy("the object store does not answer", err)
	case info.Size != size:
		return info, ErrSize
	}
	return info, nil
}

// valid is false, with the answer, for what is no object.
func valid(o RequestObject) (Answer, bool) {
	if !ValidOID(o.OID) {
		return refuse(o, "oid must be 64 lower-case hexadecimal digits"), false
	}
	if !o.Size.Valid {
		return refuse(o, "size must be a whole number of bytes and not negative"), false
	}
	return Answer{}, true
}

func largest(objects []RequestObject) (size int64) {
	for i := range objects {
		size = max(size, objects[i].Size.Bytes)
	}
	return size
}

// retryAfter is short: what keeps a batch waiting passes in seconds or not soon.
const retryAfter = 3 * time.Second

// afterDeletion is about what garbage collection needs for the objects that it
// has begun with.
const afterDeletion = 15 * time.Second

// Busy is a BusyError that asks to try again in a few seconds.
func Busy(message string, cause error) error {
	return &BusyError{Message: message + "; try again", RetryAfter: retryAfter, Cause: cause}
}
