package locks

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

const (
	// MaxPage is the most locks of one page, and what a page has where the client
	// does not say: as many keys as one request to the store lists.
	MaxPage = 1000
	// pageKeys bounds the work for one page where most keys are tombstones.
	pageKeys = 5 * MaxPage
	// readers at once for locks that are not remembered.
	readers = 16
)

// Page of locks.
type Page struct {
	Locks []Lock
	// Next is the cursor of the next page, empty after the last one. There may be
	// a next page without a lock.
	Next string
}

// List returns a page of locks, in the order of their keys: a lock that is taken
// or released between two pages moves no other. limit 0 means MaxPage, which is
// also the most.
func (s *Service) List(ctx context.Context, cursor string, limit int) (Page, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	after := ""
	if cursor != "" {
		if !validName(cursor) {
			return Page{}, ErrCursor
		}
		after = s.Prefix.Lock(cursor)
	}
	page := Page{Locks: []Lock{}}
	seen := 0
	var group []objectstore.Info
	take := func() error {
		records, err := s.resolve(ctx, group)
		for _, r := range records {
			if r != nil && r.Released == nil {
				page.Locks = append(page.Locks, r.Lock)
			}
		}
		group = group[:0]
		return err
	}
	for info, err := range s.Bucket.List(ctx, s.Prefix.Locks(), after) {
		if err != nil {
			return Page{}, err
		}
		if !validName(s.name(info)) {
			continue
		}
		group, seen = append(group, info), seen+1
		if len(group) < limit-len(page.Locks) {
			continue
		}
		if err := take(); err != nil {
			return Page{}, err
		}
		if len(page.Locks) >= limit || seen >= pageKeys {
			page.Next = s.name(info)
			return page, nil
		}
	}
	return page, take()
}

// ByPath returns the lock on a path, none where it is not locked. A path that no
// lock can have is *PathError.
func (s *Service) ByPath(ctx context.Context, path string) ([]Lock, error) {
	path, err := CleanPath(path)
	if err != nil {
		return nil, err
	}
	return s.held(ctx, nameOf(path), func(l Lock) bool { return l.Path == path })
}

// ByID returns the lock with an ID, none where nobody holds it.
func (s *Service) ByID(ctx context.Context, id string) ([]Lock, error) {
	name, ok := nameIn(id)
	if !ok {
		return nil, nil
	}
	return s.held(ctx, name, func(l Lock) bool { return l.ID == id })
}

func (s *Service) held(ctx context.Context, name string, want func(Lock) bool) ([]Lock, error) {
	now, err := s.read(ctx, name)
	if errors.Is(err, objectstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil || now.Released != nil || !want(now.Lock) {
		return nil, err
	}
	return []Lock{now.Lock}, nil
}

func (s *Service) name(info objectstore.Info) string {
	return strings.TrimPrefix(info.Key, s.Prefix.Locks())
}

// resolve finds what lies under listed keys, nil where it has gone meanwhile or is
// none of ours: one object that cannot be read must not keep everybody from
// pushing.
func (s *Service) resolve(ctx context.Context, infos []objectstore.Info) ([]*record, error) {
	records := make([]*record, len(infos))
	missing := s.recall(infos, records)
	if len(missing) >= worthLoading {
		s.load(ctx)
		missing = s.recall(infos, records)
	}
	if len(missing) == 0 {
		return records, nil
	}
	next := make(chan int)
	errs := make([]error, len(infos))
	var group sync.WaitGroup
	for range min(readers, len(missing)) {
		group.Go(func() {
			for i := range next {
				now, err := s.read(ctx, s.name(infos[i]))
				if !errors.Is(err, objectstore.ErrNotFound) && !errors.Is(err, errNoRecord) {
					records[i], errs[i] = now.record, err
				}
			}
		})
	}
	for _, i := range missing {
		next <- i
	}
	close(next)
	group.Wait()
	s.saveLater(ctx)
	return records, errors.Join(errs...)
}

// recall fills in what is remembered and returns the places of the rest.
func (s *Service) recall(infos []objectstore.Info, records []*record) (missing []int) {
	for i := range infos {
		if records[i] == nil {
			records[i] = s.Cache.get(s.name(infos[i]), infos[i].ETag)
		}
		if records[i] == nil {
			missing = append(missing, i)
		}
	}
	return missing
}
