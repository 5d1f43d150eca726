package presence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// uploaders is the object that says which replicas hand out links.
type uploaders struct {
	// Seen is when each was last heard of, by the store's clock.
	Seen map[string]time.Time `json:"seen"`

	etag string
}

// last is when the last of the others was heard of, zero for never.
func (u uploaders) last(me string) (at time.Time) {
	for id, seen := range u.Seen {
		if id != me && seen.After(at) {
			at = seen
		}
	}
	return at
}

// read returns the object as it is, and the store's time.
func (a *Absence) read(ctx context.Context) (uploaders, time.Time, error) {
	a.mu.Lock()
	known := a.known
	a.mu.Unlock()
	raw, info, err := objectstore.ReadSmall(ctx, a.bucket, a.prefix.Uploaders(), known.etag, 64<<10)
	switch {
	case errors.Is(err, objectstore.ErrNotModified):
		return known, info.Date, nil
	case errors.Is(err, objectstore.ErrNotFound):
		return uploaders{}, info.Date, nil
	case err != nil:
		return uploaders{}, time.Time{}, err
	}
	u := uploaders{etag: info.ETag}
	if err := json.Unmarshal(raw, &u); err != nil {
		return uploaders{}, time.Time{}, err
	}
	a.mu.Lock()
	a.known = u
	a.mu.Unlock()
	return u, info.Date, nil
}

// write adds this replica to what was read, and leaves out those that have not been
// heard of for long.
func (a *Absence) write(ctx context.Context, was uploaders, now time.Time) error {
	next := uploaders{Seen: map[string]time.Time{a.id: now}}
	for id, seen := range was.Seen {
		if id != a.id && now.Sub(seen) < 2*Settle {
			next.Seen[id] = seen
		}
	}
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	_, err = a.bucket.Put(ctx, a.prefix.Uploaders(), bytes.NewReader(text), int64(len(text)),
		objectstore.Condition{IfMatch: was.etag, IfAbsent: was.etag == ""})
	return err
}

// LastSeen is when a server that hands out links was last heard of, by the store's
// clock; zero for never.
func LastSeen(ctx context.Context, b objectstore.Bucket, prefix layout.Prefix) (time.Time, error) {
	u, _, err := NewAbsence(b, prefix, 0).read(ctx)
	return u.last(""), err
}
