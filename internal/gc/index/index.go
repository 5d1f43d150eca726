// Package index is the one object in which garbage collection says what it is
// about to do, and the server's side of the protocol around it.
//
// An object's life in the index is none → condemned → deleting → none. Every
// change is one conditional write of the whole index; every write has a
// generation of its own, larger than all before, and a nonce, so that no ETag
// ever repeats. While an object is condemned it is served as before, and a
// server that is asked for it in an upload batch leaves a marker that rescues
// it. While it is deleting, servers answer "later". The whole argument stands in
// docs/concepts/gc.md.
//
// The object's text is one line of JSON (Header) and a line for each entry,
// sorted by OID: "{oid} {c|d} {JSON}". A server needs only the first two fields.
// The last line says "end".
package index

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// AnswerWithin is R: from reading the index, a server answers a batch within
// this time or fails it. A sweep waits longer than that before it deletes.
const AnswerWithin = serverconfig.AnswerWithin

// TakeoverMargin passes between the end of a lease and the first moment at which
// anybody else touches what was being deleted: the clocks of a store's gateways
// may differ a little.
const TakeoverMargin = 5 * time.Second

// Format is the version of the object.
const Format = 1

// ErrMalformed: the index cannot be trusted. A server answers "later", a sweep fails.
var ErrMalformed = errors.New("garbage collection's index is malformed")

// State of an object in the index.
type State byte

// The states. None is that of every object that the index does not list.
const (
	None      State = 0
	Condemned State = 'c'
	Deleting  State = 'd'
)

// String names the state.
func (s State) String() string {
	switch s {
	case Condemned:
		return "condemned"
	case Deleting:
		return "deleting"
	}
	return "none"
}

// Header is the first line of the index.
type Header struct {
	Index int `json:"index"`
	// Generation of this write.
	Generation uint64 `json:"generation"`
	// Nonce makes the content, and with it the ETag, unique.
	Nonce string `json:"nonce"`
	// Entries that follow: a file that was cut off does not pass for a whole one.
	Entries int `json:"entries"`
	// Owner is the run that deletes what is in state Deleting, and LeaseEnd the
	// store's time after which it no longer does. Empty without such entries.
	Owner    string    `json:"owner,omitempty"`
	LeaseEnd time.Time `json:"leaseEnd,omitzero"`
}

// Entry is an object in the index.
type Entry struct {
	OID   string `json:"-"`
	State State  `json:"-"`
	// Size, ETag, Modified (store's time) and Version of the object as examined.
	Size     int64     `json:"s"`
	ETag     string    `json:"e"`
	Modified time.Time `json:"m"`
	Version  string    `json:"v,omitempty"`
	// Since is the generation that condemned it, and CondemnedAt the store's
	// time of that write (T1). The write itself cannot know its own time: it
	// leaves zero, and whoever reads it next fills in LastModified.
	Since       uint64    `json:"g"`
	CondemnedAt time.Time `json:"t,omitzero"`
	// Reason and Path say why, for people and tombstones.
	Reason string `json:"r"`
	Path   string `json:"p,omitempty"`
}

// Index is the whole object.
type Index struct {
	Header
	Entries []Entry
}

// Next returns a copy with the next generation and a fresh nonce, without owner.
func (x Index) Next() Index {
	return Index{
		Header:  Header{Generation: x.Generation + 1, Nonce: Nonce()},
		Entries: slices.Clone(x.Entries),
	}
}

// Nonce is 128 random bits.
func Nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Find returns the entry of an OID, or nil.
func (x Index) Find(oid string) *Entry {
	i, ok := slices.BinarySearchFunc(x.Entries, oid, func(e Entry, oid string) int {
		return strings.Compare(e.OID, oid)
	})
	if !ok {
		return nil
	}
	return &x.Entries[i]
}

// Deletes says whether any entry is in state Deleting.
func (x Index) Deletes() bool {
	return slices.ContainsFunc(x.Entries, func(e Entry) bool { return e.State == Deleting })
}

// end is the last line.
const end = "end"

// Decode reads an index; modified is the store's time of its write.
func Decode(r io.Reader, modified time.Time) (Index, error) {
	var x Index
	h, err := scan(r, func(oid []byte, s State, rest []byte) error {
		e := Entry{OID: string(oid), State: s}
		if err := json.Unmarshal(rest, &e); err != nil {
			return err
		}
		if e.CondemnedAt.IsZero() {
			e.CondemnedAt = modified
		}
		x.Entries = append(x.Entries, e)
		return nil
	})
	x.Header = h
	return x, err
}

// scan reads header and lines and checks that all are there, in order.
func scan(r io.Reader, entry func(oid []byte, s State, rest []byte) error) (Header, error) {
	var h Header
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4<<10), 1<<20)
	if !lines.Scan() {
		return h, errors.Join(fmt.Errorf("%w: empty", ErrMalformed), lines.Err())
	}
	if err := json.Unmarshal(lines.Bytes(), &h); err != nil || h.Index != Format || h.Generation == 0 {
		return h, fmt.Errorf("%w: its first line is not one that this version knows", ErrMalformed)
	}
	n, last, whole := 0, [64]byte{}, false
	for ; lines.Scan(); n++ {
		line := lines.Bytes()
		if whole = string(line) == end; whole {
			break
		}
		if len(line) < 68 || line[64] != ' ' || line[66] != ' ' || bytes.Compare(line[:64], last[:]) <= 0 || !layout.IsOID(line[:64]) {
			return h, fmt.Errorf("%w: line %d", ErrMalformed, n+2)
		}
		s := State(line[65])
		if s != Condemned && s != Deleting {
			return h, fmt.Errorf("%w: state %q", ErrMalformed, s)
		}
		if err := entry(line[:64], s, line[67:]); err != nil {
			return h, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		copy(last[:], line)
	}
	if err := lines.Err(); err != nil {
		return h, err
	}
	if n != h.Entries || !whole || lines.Scan() {
		return h, fmt.Errorf("%w: %d entries of %d", ErrMalformed, n, h.Entries)
	}
	return h, nil
}
