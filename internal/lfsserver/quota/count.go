package quota

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Count is one listing of the final keys, as the quota follows it.
type Count struct {
	ledger *Ledger
	bucket objectstore.Bucket
	prefix layout.Prefix
	// before is the count in force when this one began, "" for none.
	before string
	// claimed are the objects to look out for.
	claimed, seen map[string]struct{}
}

// quiet is how long after its last grant a ledger gives back what it has to spare.
const quiet = 10 * time.Second

// Begin comes before the listing.
func (l *Ledger) Begin(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (*Count, error) {
	c := &Count{ledger: l, bucket: b, prefix: p, claimed: map[string]struct{}{}, seen: map[string]struct{}{}}
	rec, _, err := read(ctx, b, p)
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		rec = &record{}
	case err != nil:
		return nil, err
	}
	c.before = rec.Counted.ID
	for i := range rec.Claims {
		for _, o := range rec.Claims[i].Objects {
			c.claimed[o.OID] = struct{}{}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for oid := range l.open {
		c.claimed[oid] = struct{}{}
	}
	return c, nil
}

// Saw takes each object of the listing.
func (c *Count) Saw(oid string) {
	if _, ok := c.claimed[oid]; ok {
		c.seen[oid] = struct{}{}
	}
}

// Publish ends a complete listing that found so many bytes. Where another count was
// published since Begin, this one is dropped: it may have passed by what that one has
// taken out of the claims.
func (c *Count) Publish(ctx context.Context, bytes int64) error {
	return c.ledger.revise(ctx, c.bucket, c.prefix, c.seen, func(rec *record) bool {
		if rec.Counted.ID != c.before {
			return false
		}
		rec.Counted = counted{ID: rand.Text(), Bytes: bytes, At: c.ledger.now().UTC()}
		rec.settle(c.ledger.holder, c.seen)
		return true
	})
}

// Close gives back what the ledger has to spare. What it has let in stays claimed
// until it is counted.
func (l *Ledger) Close(ctx context.Context, b objectstore.Bucket, p layout.Prefix) error {
	l.mu.Lock()
	idle := l.claimed == 0
	l.granted = time.Time{}
	l.mu.Unlock()
	if idle {
		return nil
	}
	return l.revise(ctx, b, p, nil, func(*record) bool { return true })
}

// revise writes the record with a change and with our claim less what is counted.
// change is false when there is nothing to write any more.
func (l *Ledger) revise(ctx context.Context, b objectstore.Bucket, p layout.Prefix, counted map[string]struct{}, change func(*record) bool) error {
	leave, err := l.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for range attempts {
		rec, etag, readErr := read(ctx, b, p)
		if errors.Is(readErr, objectstore.ErrNotFound) {
			rec, etag, readErr = &record{}, "", nil
		}
		if readErr != nil {
			return readErr
		}
		if !change(rec) {
			return nil
		}
		mine := l.smaller(rec, counted)
		rec.replace(mine, l.now())
		err = write(ctx, b, p, rec, etag)
		l.wrote(mine, counted, err)
		if !errors.Is(err, objectstore.ErrPreconditionFailed) {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return err
}

// smaller is our claim without what is counted, and without what is to spare where
// nobody has asked for a while.
func (l *Ledger) smaller(rec *record, counted map[string]struct{}) claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.follow(rec)
	l.expire(now)
	if now.Sub(l.granted) > quiet {
		l.claimed = l.openBytes // from here on nothing is granted of it
	}
	c := claim{Holder: l.holder, Bytes: l.claimed, Until: l.claimedTo, Objects: listed(l.open, counted)}
	for oid := range counted {
		c.Bytes -= l.open[oid].size
	}
	return c
}
