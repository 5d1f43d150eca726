package batch

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
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

// known is the memory under an index.
func (s *Service) known(view View) presence.Known {
	if s.Memory == nil {
		return presence.Known{}
	}
	return s.Memory.Under(listing{view}, s.Quarantine)
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
	s.Absence.Arrived(o.OID) // it may, from now on, without a word to us
	actions, err := d.Upload(ctx, s.Session, transfer.Object{OID: o.OID, Size: o.Size.Bytes})
	if err != nil {
		return Answer{}, err
	}
	return Answer{OID: o.OID, Size: o.Size.Bytes, Authenticated: true, Actions: actions, outcome: OutcomeUpload}, nil
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
