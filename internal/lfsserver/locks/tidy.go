package locks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

const (
	// TidyAfter is how long a tombstone stays: long enough that whoever did not
	// hear of a release can ask again.
	TidyAfter = 24 * time.Hour
	// deleteWithin is how long the store accepts the DELETE of a tombstone, from
	// when the tombstone was read.
	deleteWithin = 3 * time.Second
	// fenceMargin is what a store may take to carry out a DELETE that it has
	// accepted, and the second by which its clock is cut off.
	fenceMargin = 3 * time.Second
	// fenceLook is the time between two looks at a tombstone that is being deleted.
	fenceLook = 200 * time.Millisecond
)

// fenced is true while a DELETE that was signed for this tombstone may land. now
// is the store's clock; when it is not known, the answer is yes.
func (r *release) fenced(now time.Time) bool {
	return !r.Until.IsZero() && !now.After(r.Until.Add(fenceMargin))
}

// Remover sends the DELETE of a tombstone: signed, so that it dies, and once, so
// that nobody signs it again.
type Remover struct {
	Presign objectstore.Presigner
	Do      func(*http.Request) (*http.Response, error)
}

// Tidy removes tombstones that are older than after, by the store's clock, and
// returns how many.
//
// An unconditional DELETE that is late would take the next lock of the path with
// it. So the tombstone first says until when its DELETE may land (a conditional
// write: had the path been locked meanwhile, it would fail), the store refuses the
// DELETE after that, and nobody writes over such a tombstone before.
func (s *Service) Tidy(ctx context.Context, after time.Duration, rm Remover) (int, error) {
	now, err := objectstore.Clock(ctx, s.Bucket, s.Prefix)
	if err != nil {
		return 0, err
	}
	removed := 0
	var old []key
	take := func() error {
		n, err := s.tidyGroup(ctx, old, rm)
		removed, old = removed+n, old[:0]
		return err
	}
	for info, err := range s.Bucket.List(ctx, s.Prefix.Locks(), "") {
		if err != nil {
			return removed, err
		}
		name := path.Base(info.Key)
		if !validName(name) || now.Sub(info.LastModified) < after {
			continue
		}
		if old = append(old, key{name, info.ETag}); len(old) < MaxPage {
			continue
		}
		if err := take(); err != nil {
			return removed, err
		}
	}
	return removed, take()
}

func (s *Service) tidyGroup(ctx context.Context, old []key, rm Remover) (removed int, err error) {
	records, err := s.resolve(ctx, old)
	if err != nil {
		return 0, err
	}
	for _, r := range records {
		if r == nil || r.Released == nil {
			continue
		}
		gone, err := s.bury(ctx, r, rm)
		if err != nil {
			return removed, err
		}
		if gone {
			removed++
		}
	}
	return removed, nil
}

// bury removes one tombstone, unless it has become something else.
func (s *Service) bury(ctx context.Context, r *record, rm Remover) (bool, error) {
	name := nameOf(r.Path)
	now, err := s.read(ctx, name)
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case now.ID != r.ID, now.Released == nil, now.date.IsZero(), now.Released.fenced(now.date):
		return false, nil
	}
	last := &record{Lock: now.Lock, Released: &release{By: now.Released.By, At: now.Released.At, Until: now.date.Add(deleteWithin)}}
	url, err := rm.Presign.PresignDelete(s.Prefix.Lock(name), "", now.date, deleteWithin)
	if err != nil {
		return false, err
	}
	then, err := s.write(ctx, last, objectstore.Condition{IfMatch: now.etag})
	if errors.Is(err, objectstore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if then.Released == nil || !then.Released.Until.Equal(last.Released.Until) {
		return false, nil
	}
	return s.remove(ctx, name, url, rm)
}

// remove sends the DELETE. Whatever it meets is left to the next time.
func (s *Service) remove(ctx context.Context, name, url string, rm Remover) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, deleteWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, url, http.NoBody)
	if err != nil {
		return false, errors.New("the link to delete a tombstone is malformed")
	}
	resp, err := rm.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRecord))
	if resp.StatusCode >= 300 {
		return false, nil
	}
	s.Cache.forget(name)
	return true, nil
}
