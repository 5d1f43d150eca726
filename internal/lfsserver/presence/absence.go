package presence

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Absence is what a replica knows of objects that are not in the store, so that a
// push of many small new objects needs no lookup for each. To be wrong here is
// harmless: a client uploads a small object once more.
//
// Nothing gets to a final key but by a link that some server has handed out. So a
// replica that has listed the bucket once, and remembers what has arrived since,
// knows what is not there, as long as no other replica hands out links. That is what
// the object "uploaders" is for: each replica writes its name and the store's time
// into it before it hands out links, once a minute while it does (Announce), and
// reads it before it trusts what it knows (Begin). A listing counts if it began
// Settle after the last other replica was heard of: by then its links have been used.
//
// Clients of git-lfs say when the last object of a batch has arrived (Granted, Arrived).
// For those that may not say so, each counts as arrived once its link is handed out.
//
// What slips through, until the next listing: small objects of a batch that was not
// verified, for a minute; one that took longer than Settle by another replica's link,
// or that somebody put there by hand. Larger objects are always looked up: there a
// lookup costs nothing beside the upload.
type Absence struct {
	bucket objectstore.Bucket
	prefix layout.Prefix
	// id of this replica, another one after each start.
	id string
	// most objects that are remembered.
	most int

	mu sync.Mutex
	// there are fingerprints of all objects that may be there: listed, or arrived
	// since the start. Guarded by mu, as all below.
	there map[uint64]struct{}
	// pending are objects that may arrive at any moment.
	pending pending
	// began is when the last whole listing began, by the store's clock; zero
	// where there is none that counts.
	began time.Time
	// full: there are more objects than are remembered, and nothing is known for
	// the rest of this replica's life.
	full    bool
	listing bool
	known   uploaders // as last read

	announcing sync.Mutex
	announced  time.Time // guarded by announcing
}

const (
	// Small is the largest object in bytes that may be uploaded without being looked
	// for.
	Small = 1 << 20
	// Settle is how long after a replica was last heard of its links may be used.
	Settle = 5 * time.Minute
	// announceEvery is how often a replica that hands out links says so.
	announceEvery = time.Minute
	// census is how long a listing counts.
	census = 10 * time.Minute
	// MaxThere objects are remembered, at 8 bytes each, in a map that may be half
	// empty: 5 MiB at the most.
	MaxThere = 1 << 18
	// announceWithin keeps a store that does not answer from holding up a batch.
	announceWithin = 2 * time.Second
)

// NewAbsence knows nothing yet. It remembers at most so many objects.
func NewAbsence(bucket objectstore.Bucket, prefix layout.Prefix, most int) *Absence {
	return &Absence{bucket: bucket, prefix: prefix, id: rand.Text(), most: most, there: map[uint64]struct{}{}}
}

// Absent is the knowledge as it counts for one batch. The zero value knows nothing.
type Absent struct{ absence *Absence }

// Begin reads who hands out links. What it returns is as true as a lookup at that
// moment.
func (a *Absence) Begin(ctx context.Context) Absent {
	if a == nil {
		return Absent{}
	}
	others, now, err := a.read(ctx)
	if err != nil || now.IsZero() {
		return Absent{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	settled := others.last(a.id)
	if !settled.IsZero() {
		settled = settled.Add(Settle)
	}
	switch {
	case !a.began.IsZero() && !a.began.Before(settled) && now.Before(a.began.Add(census)):
		return Absent{absence: a}
	case !a.full && !a.listing && !now.Before(settled):
		a.listing = true
		go a.list(now)
	}
	return Absent{}
}

// Sure is true for a small object that is not in the store.
func (v Absent) Sure(oid string, size int64) bool {
	if v.absence == nil || size > Small {
		return false
	}
	v.absence.mu.Lock()
	defer v.absence.mu.Unlock()
	_, may := v.absence.there[fingerprint(oid)]
	return !may && !v.absence.began.IsZero()
}

// Arrived says that an object has been uploaded, or may be from now on without a word;
// and so may have been all others of the batch that it was the last of.
func (a *Absence) Arrived(oid string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	last := fingerprint(oid)
	a.add(last)
	for _, f := range a.pending.arrived(last) {
		a.add(f)
	}
}

// Granted says that links were handed out to upload the objects of a batch, the last of
// which will be verified.
func (a *Absence) Granted(oids []string) {
	if a == nil || len(oids) == 0 {
		return
	}
	objects := make([]uint64, len(oids))
	for i, oid := range oids {
		objects[i] = fingerprint(oid)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.pending.grant(objects, time.Now(), a.most) {
		a.add(f)
	}
}

// Announce comes before a link is handed out that uploads something. That others
// cannot be told costs them no more than small objects uploaded twice, so it is no
// error.
func (a *Absence) Announce(ctx context.Context) {
	if a == nil {
		return
	}
	a.announcing.Lock()
	defer a.announcing.Unlock()
	if !a.announced.IsZero() && time.Since(a.announced) < announceEvery {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, announceWithin)
	defer cancel()
	const attempts = 3
	for range attempts {
		others, now, err := a.read(ctx)
		if err != nil || now.IsZero() {
			break
		}
		if err := a.write(ctx, others, now); !errors.Is(err, objectstore.ErrPreconditionFailed) {
			break
		}
	}
	a.announced = time.Now()
}

// list makes a listing count that began at that time of the store's.
func (a *Absence) list(began time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), census)
	defer cancel()
	found, err := a.listed(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listing = false
	if err != nil {
		return // the next batch begins another
	}
	a.began = began
	for f := range found {
		a.add(f)
	}
}

// listed are the fingerprints of all objects, or of more than are remembered.
func (a *Absence) listed(ctx context.Context) (map[uint64]struct{}, error) {
	found := map[uint64]struct{}{}
	for info, err := range a.bucket.List(ctx, a.prefix.Objects(), "") {
		if err != nil {
			return nil, err
		}
		if oid, final := a.prefix.OIDOf(info.Key); final {
			found[fingerprint(oid)] = struct{}{}
		}
		if len(found) > a.most {
			break
		}
	}
	return found, nil
}

// add remembers an object that may be there, or forgets everything when it is one
// too many; mu is held.
func (a *Absence) add(f uint64) {
	if a.full {
		return
	}
	a.there[f] = struct{}{}
	if len(a.there) > a.most {
		a.full, a.there, a.began = true, nil, time.Time{}
	}
}

// fingerprint of an OID: 64 of its bits, since two objects that share them cost one
// lookup. Zero for what is no OID.
func fingerprint(oid string) uint64 {
	var id oidBytes
	if !parse(&id, oid) {
		return 0
	}
	return binary.BigEndian.Uint64(id[:])
}
