package locks

import (
	"context"
	"errors"
	"sort"
	"strings"
	"sync"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

const (
	// MaxPage is the most locks of one page, and what a page has where the client
	// does not say.
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

// List returns a page of locks, in the order of their keys. All pages that follow
// a cursor show the locks of one moment, that of the first page, where the same
// server is asked soon; another one lists anew behind the cursor. limit 0 means
// MaxPage, which is also the most.
func (s *Service) List(ctx context.Context, cursor string, limit int) (Page, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	after, id, _ := strings.Cut(cursor, ".")
	if cursor != "" && !validName(after) {
		return Page{}, ErrCursor
	}
	all := s.Cache.listing(id)
	if all == nil {
		var err error
		if all, err = s.listAll(ctx); err != nil {
			return Page{}, err
		}
	}
	page := Page{Locks: []Lock{}}
	rest := all.keys[sort.Search(len(all.keys), func(i int) bool { return all.keys[i].name > after }):]
	for seen := 0; len(rest) > 0; {
		group := rest[:min(limit-len(page.Locks), len(rest))]
		rest, seen = rest[len(group):], seen+len(group)
		records, err := s.resolve(ctx, group)
		if err != nil {
			return Page{}, err
		}
		for _, r := range records {
			if r != nil && r.Released == nil {
				page.Locks = append(page.Locks, r.Lock)
			}
		}
		if len(rest) > 0 && (len(page.Locks) >= limit || seen >= pageKeys) {
			s.Cache.keep(all)
			page.Next = group[len(group)-1].name + "." + all.id
			break
		}
	}
	return page, nil
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

// resolve finds what lies under listed keys, nil where it has gone meanwhile or is
// none of ours: one object that cannot be read must not keep everybody from
// pushing.
func (s *Service) resolve(ctx context.Context, keys []key) ([]*record, error) {
	records := make([]*record, len(keys))
	missing := s.recall(keys, records)
	if len(missing) >= worthLoading {
		s.load(ctx)
		missing = s.recall(keys, records)
	}
	if len(missing) == 0 {
		return records, nil
	}
	err := s.readMissing(ctx, keys, records, missing)
	s.saveLater(ctx)
	return records, err
}

// readMissing reads the records that are not remembered, side by side.
func (s *Service) readMissing(ctx context.Context, keys []key, records []*record, missing []int) error {
	next := make(chan int)
	errs := make([]error, len(keys))
	var group sync.WaitGroup
	for range min(readers, len(missing)) {
		group.Go(func() {
			for i := range next {
				now, err := s.read(ctx, keys[i].name)
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
	return errors.Join(errs...)
}

// recall fills in what is remembered and returns the places of the rest.
func (s *Service) recall(keys []key, records []*record) (missing []int) {
	for i, k := range keys {
		if records[i] == nil {
			records[i] = s.Cache.get(k.name, k.etag)
		}
		if records[i] == nil {
			missing = append(missing, i)
		}
	}
	return missing
}
