package locks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Service takes, lists and releases the locks of one repository. It is made anew
// for each request; only the Cache lives on. Errors of the store pass through.
// Every call needs a context with a deadline.
type Service struct {
	Bucket objectstore.Bucket
	Prefix layout.Prefix
	Cache  *Cache
	Now    func() time.Time
}

// maxRecord in bytes bounds what is read: more than path, ref and principals can
// have in JSON, where one character may take six bytes.
const maxRecord = 512 << 10

// found is a record with what the store said of it.
type found struct {
	*record
	etag string
	// date is the store's clock at the read; zero after a write.
	date time.Time
}

// read returns objectstore.ErrNotFound where the path was never locked, or its
// tombstone is gone.
func (s *Service) read(ctx context.Context, name string) (found, error) {
	raw, info, err := objectstore.ReadSmall(ctx, s.Bucket, s.Prefix.Lock(name), "", maxRecord)
	if err != nil {
		return found{}, err
	}
	r, err := decode(raw, name)
	if err != nil {
		return found{}, err
	}
	s.Cache.put(name, info.ETag, r)
	return found{record: r, etag: info.ETag, date: info.Date}, nil
}

// write writes a record under a condition and returns what lies there then: that
// record, or whatever kept it from being written. A success that was retried looks
// like a failed condition, and one whose answer was lost like nothing at all, so
// both are looked up.
func (s *Service) write(ctx context.Context, r *record, cond objectstore.Condition) (found, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return found{}, err
	}
	name := nameOf(r.Path)
	info, err := s.Bucket.Put(ctx, s.Prefix.Lock(name), bytes.NewReader(raw), int64(len(raw)), cond)
	switch {
	case err == nil:
		s.Cache.put(name, info.ETag, r)
		s.saveLater(ctx)
		return found{record: r, etag: info.ETag}, nil
	case errors.Is(err, objectstore.ErrPreconditionFailed), errors.Is(err, objectstore.ErrUnavailable):
		return s.read(ctx, name)
	}
	return found{}, err
}
