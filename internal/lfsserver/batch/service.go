package batch

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/presence"
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
	// Memory of objects that are there; Quarantine is the longest that it counts.
	Memory     *presence.Memory
	Quarantine time.Duration
	// Absence is what is known of objects that are not there.
	Absence *presence.Absence
	// Reserve lets an object in that is to be uploaded; nil where there is no quota.
	Reserve Reserve
}

// Do answers a request from Decode. ctx ends at the batch's Timeout.
func (s *Service) Do(ctx context.Context, req *Request, userAgent string) (*Response, error) {
	offer := transfer.Offer{Transfers: req.Transfers, UserAgent: userAgent, Largest: largest(req.Objects)}
	resp := &Response{HashAlgo: "sha256", Objects: make([]Answer, len(req.Objects))}
	dialect, begin := s.Rules.ForDownload(offer), s.beginDownload
	if req.Operation == "upload" {
		dialect, begin = s.Rules.ForUpload(offer), s.beginUpload
	}
	resp.Transfer, resp.Dialect = dialect.Name(), dialect.Label()
	answers, err := begin(ctx, dialect, req.Objects)
	if err != nil {
		return nil, err
	}
	var ask []int
	for i, o := range req.Objects {
		a, done, err := answers.quick(ctx, o)
		if err != nil {
			return nil, err
		}
		if resp.Objects[i] = a; !done {
			ask = append(ask, i)
		}
	}
	err = s.Lookups.each(ctx, len(ask), func(ctx context.Context, n int) (err error) {
		i := ask[n]
		resp.Objects[i], err = answers.slow(ctx, req.Objects[i])
		return err
	})
	if err == nil {
		err = s.closeBatch(dialect, resp)
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// closeBatch has the dialect complete the last upload.
func (s *Service) closeBatch(d transfer.Dialect, resp *Response) error {
	closer, ok := d.(transfer.Closer)
	if !ok {
		return nil
	}
	if d.Label() == transfer.NameBasic {
		s.Absence.Granted(resp.OIDs(OutcomeUpload))
	}
	for _, a := range slices.Backward(resp.Objects) {
		if a.outcome == OutcomeUpload {
			return closer.CloseBatch(s.Session, transfer.Object{OID: a.OID, Size: a.Size}, a.Actions)
		}
	}
	return nil
}

// answers of one batch, object by object.
type answers struct {
	// quick answers what can be answered without asking the store; done is false
	// for all else.
	quick func(ctx context.Context, o RequestObject) (a Answer, done bool, err error)
	// slow asks the store; it runs for several objects at once.
	slow func(ctx context.Context, o RequestObject) (Answer, error)
}

// known is the memory under an index.
func (s *Service) known(view View) presence.Known {
	if s.Memory == nil {
		return presence.Known{}
	}
	return s.Memory.Under(listing{view}, s.Quarantine)
}

// Verify finds the object with that size, or returns ErrAbsent, ErrSize or a
// BusyError. Its content need not be looked at: nothing reaches a final key
// unproven.
func (s *Service) Verify(ctx context.Context, oid string, size int64) (objectstore.Info, error) {
	var known presence.Known
	if s.Memory != nil {
		known = s.Memory.Last()
	}
	info, err := s.Bucket.Head(ctx, s.Prefix.Object(oid))
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return info, ErrAbsent
	case err != nil:
		return info, Busy("the object store does not answer", err)
	case info.Size != size:
		return info, ErrSize
	}
	known.Add(oid, size)
	// Another replica may have handed out the link.
	s.Absence.Announce(ctx)
	s.Absence.Arrived(oid)
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
