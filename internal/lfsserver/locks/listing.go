package locks

import (
	"context"
	"crypto/rand"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

const (
	// listingTimeout of one listing.
	listingTimeout = 10 * time.Second
	// listingPage is how many keys a store lists at once.
	listingPage = 1000
	// listers ask at once for the parts of a long listing.
	listers = 4
	// keptListings for the pages that follow, and for how long. 10,000 locks take
	// about a megabyte.
	keptListings = 4
	keptFor      = time.Minute
)

// digits of names: each has a part of the listing.
const digits = "0123456789abcdef"

// listing is what the store listed at one moment, in the order of names. It is
// immutable.
type listing struct {
	id   string
	at   time.Time
	keys []key
}

// key of a lock or tombstone, and which one lies there.
type key struct{ name, etag string }

// flight is a listing that requests wait for.
type flight struct {
	done    chan struct{}
	listing *listing
	err     error
}

// listAll lists all keys. Requests that come while the store is being asked share
// the next listing: however many there are, the store is asked once at a time, and
// nobody gets what was listed before they asked.
func (s *Service) listAll(ctx context.Context) (*listing, error) {
	c := s.Cache
	c.mu.Lock()
	f := c.next
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.next = f
		if !c.flying {
			c.flying = true
			go s.fly(context.WithoutCancel(ctx))
		}
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.listing, f.err
	case <-ctx.Done():
		return nil, objectstore.ErrUnavailable
	}
}

// fly lists for as long as somebody waits.
func (s *Service) fly(ctx context.Context) {
	c := s.Cache
	for {
		c.mu.Lock()
		f := c.next
		c.next = nil
		c.flying = f != nil
		c.mu.Unlock()
		if f == nil {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, listingTimeout)
		f.listing, f.err = s.takeListing(ctx)
		cancel()
		close(f.done)
	}
}

// takeListing lists all keys: with one request where that is enough, and the rest
// in parts side by side.
func (s *Service) takeListing(ctx context.Context) (*listing, error) {
	l := &listing{id: rand.Text()[:8], at: time.Now()}
	first, more, err := s.listPart(ctx, s.Prefix.Locks(), "", listingPage)
	if err != nil {
		return nil, err
	}
	l.keys = first
	if !more {
		return l, nil
	}
	last := first[len(first)-1].name
	parts := make([][]key, len(digits))
	errs := make([]error, len(digits))
	slots := make(chan struct{}, listers)
	var group sync.WaitGroup
	for i := range len(digits) {
		if digits[i] < last[0] {
			continue
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			after := ""
			if digits[i] == last[0] {
				after = s.Prefix.Lock(last)
			}
			parts[i], _, errs[i] = s.listPart(ctx, s.Prefix.LocksOf(digits[i]), after, 0)
		})
	}
	group.Wait()
	for i, part := range parts {
		if errs[i] != nil {
			return nil, errs[i]
		}
		l.keys = append(l.keys, part...)
	}
	return l, nil
}

// listPart lists keys under a prefix, at most so many where most is not 0. more is
// true when there may be others.
func (s *Service) listPart(ctx context.Context, prefix, after string, most int) (keys []key, more bool, err error) {
	for info, err := range s.Bucket.List(ctx, prefix, after) {
		if err != nil {
			return nil, false, err
		}
		if name := path.Base(info.Key); validName(name) && s.Prefix.Lock(name) == info.Key {
			keys = append(keys, key{name, info.ETag})
		}
		if most > 0 && len(keys) >= most {
			return keys, true, nil
		}
	}
	return keys, false, nil
}

// keep keeps a listing for the next page.
func (c *Cache) keep(l *listing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = slices.DeleteFunc(c.kept, func(k *listing) bool { return k == l })
	if len(c.kept) >= keptListings {
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	c.kept = append(c.kept, l)
}

// listing is a kept one, nil where it is gone or too old.
func (c *Cache) listing(id string) *listing {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = slices.DeleteFunc(c.kept, func(k *listing) bool { return time.Since(k.at) > keptFor })
	for _, k := range c.kept {
		if k.id == id {
			return k
		}
	}
	return nil
}
