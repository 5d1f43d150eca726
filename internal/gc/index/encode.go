package index

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// encoded is the text of an index, made line by line as it is read: a large one
// never lies in memory as a whole.
type encoded struct {
	x    *Index
	line int // the next one, the header being 0
	pos  int64
	buf  bytes.Buffer
}

// encode sorts the entries and fills in the header.
func (x *Index) encode() *encoded {
	slices.SortFunc(x.Entries, func(a, b Entry) int { return strings.Compare(a.OID, b.OID) })
	x.Index, x.Header.Entries = Format, len(x.Entries)
	return &encoded{x: x}
}

// Encode renders the index, sorting its entries.
func (x *Index) Encode() ([]byte, error) { return io.ReadAll(x.encode()) }

// Read implements io.Reader.
func (e *encoded) Read(b []byte) (int, error) {
	for e.buf.Len() == 0 {
		if err := e.next(); err != nil {
			return 0, err
		}
	}
	n, err := e.buf.Read(b)
	e.pos += int64(n)
	return n, err
}

func (e *encoded) next() error {
	e.buf.Reset()
	n := e.line - 1
	e.line++
	switch {
	case n < 0:
		return json.NewEncoder(&e.buf).Encode(e.x.Header)
	case n < len(e.x.Entries):
		entry := e.x.Entries[n]
		fmt.Fprintf(&e.buf, "%s %c ", entry.OID, entry.State)
		return json.NewEncoder(&e.buf).Encode(entry)
	case n == len(e.x.Entries):
		e.buf.WriteString(end + "\n")
		return nil
	}
	return io.EOF
}

// Seek implements io.Seeker, so that a write that failed can be tried again.
func (e *encoded) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += e.pos
	case io.SeekEnd:
		return e.pos, errors.New("index: its end is not known before it was read")
	}
	if offset != e.pos {
		e.line, e.pos = 0, 0
		e.buf.Reset()
		if _, err := io.CopyN(io.Discard, e, offset); err != nil {
			return e.pos, err
		}
	}
	return e.pos, nil
}

// size of the whole text in bytes.
func (e *encoded) size() (int64, error) {
	n, err := io.Copy(io.Discard, e)
	if err != nil {
		return 0, err
	}
	_, err = e.Seek(0, io.SeekStart)
	return n, err
}
