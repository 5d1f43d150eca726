package index

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Read is the index as found, with what the store said of it.
type Read struct {
	Index
	// ETag for the next conditional write; empty when there is no index yet.
	ETag string
	// Modified is the store's time of the write.
	Modified time.Time
	// Date is the store's time of this answer.
	Date time.Time
}

// Load reads the index. None at all is an empty index of generation 0.
func Load(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (Read, error) {
	body, info, err := b.Get(ctx, p.GCIndex(), "")
	if errors.Is(err, objectstore.ErrNotFound) {
		return Read{}, nil
	}
	if err != nil {
		return Read{}, fmt.Errorf("reading the index: %w", err)
	}
	defer body.Close()
	x, err := Decode(io.LimitReader(body, info.Size), info.LastModified)
	return Read{Index: x, ETag: info.ETag, Modified: info.LastModified, Date: info.Date}, err
}

// ErrConflict: somebody else has written the index since it was read.
var ErrConflict = errors.New("the index was changed by somebody else")

// Store writes next where the index still is what r says, and returns it as
// written. It never leaves in doubt whether the write landed: after an error
// other than ErrConflict nothing is known, and the caller must stop.
func Store(ctx context.Context, b objectstore.Bucket, p layout.Prefix, r Read, next Index) (Read, error) {
	text := next.encode()
	size, err := text.size()
	if err != nil {
		return Read{}, err
	}
	cond := objectstore.Condition{IfMatch: r.ETag, IfAbsent: r.ETag == ""}
	_, putErr := b.Put(ctx, p.GCIndex(), text, size, cond)
	if putErr != nil && !errors.Is(putErr, objectstore.ErrPreconditionFailed) && !errors.Is(putErr, objectstore.ErrUnavailable) {
		return Read{}, fmt.Errorf("writing the index: %w", putErr)
	}
	// Read it back in every case: the answer carries the store's own time of the
	// write, and a success that was retried looks like a failed precondition.
	h, info, err := readHeader(ctx, b, p)
	switch {
	case err != nil:
		return Read{}, fmt.Errorf("after writing it: %w", err)
	case h.Nonce == next.Nonce:
		return Read{Index: next.at(info.LastModified), ETag: info.ETag, Modified: info.LastModified, Date: info.Date}, nil
	case errors.Is(putErr, objectstore.ErrUnavailable):
		return Read{}, fmt.Errorf("writing the index: %w", putErr)
	}
	return Read{}, ErrConflict
}

// at is an index as whoever reads it finds it: what was condemned by the write
// itself was condemned at that time. The entries are the receiver's own.
func (x Index) at(written time.Time) Index {
	for i := range x.Entries {
		if x.Entries[i].CondemnedAt.IsZero() {
			x.Entries[i].CondemnedAt = written
		}
	}
	return x
}

// readHeader reads the first line only. No index at all has an empty one.
func readHeader(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (h Header, info objectstore.Info, err error) {
	body, info, err := b.Get(ctx, p.GCIndex(), "")
	if errors.Is(err, objectstore.ErrNotFound) {
		return h, info, nil
	}
	if err != nil {
		return h, info, fmt.Errorf("reading the index: %w", err)
	}
	defer body.Close()
	line, err := bufio.NewReader(body).ReadSlice('\n')
	if err != nil || json.Unmarshal(line, &h) != nil {
		return h, info, fmt.Errorf("%w: its first line", ErrMalformed)
	}
	return h, info, nil
}

// generationName of markers, of equal length so that they sort.
func generationName(g uint64) string { return fmt.Sprintf("%012d", g) }

// rescuedPrefix is the prefix of the markers of all generations.
func rescuedPrefix(p layout.Prefix) string {
	return strings.TrimSuffix(p.GCRescued(""), "/")
}

// Marker says that a server was asked for an object while it was condemned.
type Marker struct {
	Key        string
	Generation uint64
	OID        string
}

// Markers lists all markers.
func Markers(ctx context.Context, b objectstore.Bucket, p layout.Prefix) ([]Marker, error) {
	var out []Marker
	prefix := rescuedPrefix(p)
	for info, err := range b.List(ctx, prefix, "") {
		if err != nil {
			return nil, fmt.Errorf("listing rescued objects: %w", err)
		}
		name, oid, ok := strings.Cut(strings.TrimPrefix(info.Key, prefix), "/")
		generation, err := strconv.ParseUint(name, 10, 64)
		if !ok || err != nil || len(oid) != 64 {
			continue
		}
		out = append(out, Marker{Key: info.Key, Generation: generation, OID: oid})
	}
	return out, nil
}

// Rescues says whether the marker keeps an entry alive: it was left in the
// generation that condemned the object or in a later one.
func (m Marker) Rescues(e Entry) bool { return m.OID == e.OID && m.Generation >= e.Since }

// Closed says whether a marker can no longer rescue anything: every entry was
// condemned after it, and so will be all others to come.
func (m Marker) Closed(x Index) bool {
	if m.Generation >= x.Generation {
		return false
	}
	for _, e := range x.Entries {
		if e.Since <= m.Generation {
			return false
		}
	}
	return true
}
