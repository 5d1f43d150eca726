package quota

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// record is what all servers of a repository know of its quota.
type record struct {
	Counted counted `json:"counted"`
	Claims  []claim `json:"claims,omitempty"`
}

// counted is the outcome of a count.
type counted struct {
	// ID is another one after each count.
	ID    string    `json:"id"`
	Bytes int64     `json:"bytes"`
	At    time.Time `json:"at"`
}

// claim is what one server may have let in since.
type claim struct {
	Holder string `json:"holder"`
	// Bytes are those of Objects, of objects that are not listed, and of objects to
	// come.
	Bytes int64 `json:"bytes"`
	// Until is when the last of its links has ended.
	Until time.Time `json:"until"`
	// Objects are the largest of those that were let in, at most maxListed: those that
	// every count can take out. The others only their holder knows.
	Objects []object `json:"objects,omitempty"`
}

type object struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

const (
	maxListed = 1000
	// maxRecord in bytes bounds what is read: a thousand claims of a thousand objects
	// would be more, and never are.
	maxRecord = 16 << 20
	// skew of the clocks of two servers, at most.
	skew = time.Minute
)

// claimOf the holder; an empty one where it has none.
func (r *record) claimOf(holder string) *claim {
	for i := range r.Claims {
		if r.Claims[i].Holder == holder {
			return &r.Claims[i]
		}
	}
	return &claim{Holder: holder}
}

// replace puts c in the place of its holder's claim, and drops those that have ended.
func (r *record) replace(c claim, now time.Time) {
	r.Claims = slices.DeleteFunc(r.Claims, func(old claim) bool {
		return old.Holder == c.Holder || old.Until.Add(skew).Before(now)
	})
	if c.Bytes > 0 {
		r.Claims = append(r.Claims, c)
	}
}

// held by all but the holder.
func (r *record) heldByOthers(holder string, now time.Time) int64 {
	held := r.Counted.Bytes
	for i := range r.Claims {
		if c := &r.Claims[i]; c.Holder != holder && now.Before(c.Until.Add(skew)) {
			held += c.Bytes
		}
	}
	return held
}

// settle takes out of all other claims what a count has seen.
func (r *record) settle(holder string, seen map[string]struct{}) {
	for i := range r.Claims {
		c := &r.Claims[i]
		if c.Holder == holder {
			continue
		}
		c.Objects = slices.DeleteFunc(c.Objects, func(o object) bool {
			_, there := seen[o.OID]
			if there {
				c.Bytes -= o.Size
			}
			return there
		})
	}
}

// listed are the objects of a claim, the largest first.
func listed(open map[string]grant, without map[string]struct{}) []object {
	out := make([]object, 0, len(open))
	for oid, g := range open {
		if _, gone := without[oid]; !gone {
			out = append(out, object{oid, g.size})
		}
	}
	slices.SortFunc(out, func(a, b object) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.OID, b.OID))
	})
	return out[:min(len(out), maxListed)]
}

// read returns objectstore.ErrNotFound before the first count.
func read(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (*record, string, error) {
	raw, info, err := objectstore.ReadSmall(ctx, b, p.Quota(), "", maxRecord)
	if err != nil {
		return nil, "", err
	}
	r := new(record)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, "", fmt.Errorf("the record of the quota, %s, is damaged; delete it, and the next count makes a new one: %w", p.Quota(), err)
	}
	return r, info.ETag, nil
}

// write replaces the record that has that ETag, or makes the first one.
func write(ctx context.Context, b objectstore.Bucket, p layout.Prefix, r *record, etag string) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = b.Put(ctx, p.Quota(), bytes.NewReader(raw), int64(len(raw)), objectstore.Condition{IfMatch: etag, IfAbsent: etag == ""})
	return err
}
