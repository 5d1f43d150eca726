// Package abandoned counts what the servers of a repository have thrown away because
// nobody finished it, so that the reports of garbage collection can tell.
package abandoned

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Counts of things that were removed.
type Counts struct {
	// Uploads in parts, Tus uploads, Unproven objects and LockTombstones.
	Uploads        int64 `json:"uploads"`
	Tus            int64 `json:"tus"`
	Unproven       int64 `json:"unproven"`
	LockTombstones int64 `json:"lockTombstones"`
}

// Any is true when anything was removed.
func (c Counts) Any() bool { return c != Counts{} }

// Plus is the sum.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.Uploads + d.Uploads, c.Tus + d.Tus, c.Unproven + d.Unproven, c.LockTombstones + d.LockTombstones}
}

// Since is what came to c since it was before. A count that went back, since somebody
// removed the record, begins anew.
func (c Counts) Since(before Counts) Counts {
	d := Counts{c.Uploads - before.Uploads, c.Tus - before.Tus, c.Unproven - before.Unproven, c.LockTombstones - before.LockTombstones}
	if min(d.Uploads, d.Tus, d.Unproven, d.LockTombstones) < 0 {
		return c
	}
	return d
}

// Record is what has been counted since the first was removed.
type Record struct {
	Counts
	// At is the server's time of the last change.
	At time.Time `json:"at"`
}

const maxRecord = 64 << 10

// Load reads the record; none at all is an empty one, and so is one that is malformed:
// nothing but these numbers is lost.
func Load(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (Record, error) {
	r, _, err := load(ctx, b, p)
	return r, err
}

func load(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (r Record, etag string, err error) {
	raw, info, err := objectstore.ReadSmall(ctx, b, p.Abandoned(), "", maxRecord)
	if errors.Is(err, objectstore.ErrNotFound) {
		return r, "", nil
	}
	if err != nil {
		return r, "", fmt.Errorf("reading what was abandoned: %w", err)
	}
	if json.Unmarshal(raw, &r) != nil {
		r = Record{}
	}
	return r, info.ETag, nil
}

// tries at a record that other servers write to at the same time.
const tries = 5

// Add adds to the record. An answer that is lost may count twice.
func Add(ctx context.Context, b objectstore.Bucket, p layout.Prefix, c Counts, at time.Time) error {
	for try := 1; ; try++ {
		r, etag, err := load(ctx, b, p)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(Record{Counts: r.Plus(c), At: at.UTC()})
		if err != nil {
			return err
		}
		cond := objectstore.Condition{IfMatch: etag, IfAbsent: etag == ""}
		_, err = b.Put(ctx, p.Abandoned(), bytes.NewReader(raw), int64(len(raw)), cond)
		if !errors.Is(err, objectstore.ErrPreconditionFailed) || try == tries {
			return err
		}
	}
}
