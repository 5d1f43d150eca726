package liveset

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/lfs-operator/lfs-operator/internal/layout"
)

// Reader reads a live set.
type Reader struct {
	Header Header
	lines  *bufio.Scanner
}

// line is any line but the first; a version has First, a pin a Kind.
type line struct {
	Entry string `json:"e"`
	Path  string `json:"p"`
	OID   string `json:"o"`
	Size  int64  `json:"s"`
	First int64  `json:"f"`
	Gen   int64  `json:"g"`
	Last  int64  `json:"l"`
	Of    int64  `json:"n"`
	Kind  string `json:"k"`
	Ref   string `json:"r"`
	Trailer
}

// maxLine bounds a line: paths in Git are at most a few KiB long.
const maxLine = 1 << 20

// NewReader reads the header.
func NewReader(r io.Reader) (*Reader, error) {
	gz, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	rd := &Reader{lines: bufio.NewScanner(gz)}
	rd.lines.Buffer(make([]byte, 64<<10), maxLine)
	if !rd.lines.Scan() {
		return nil, fmt.Errorf("%w: no header", ErrIncomplete)
	}
	if err := json.Unmarshal(rd.lines.Bytes(), &rd.Header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrIncomplete, err)
	}
	if rd.Header.LiveSet != Format {
		return nil, fmt.Errorf("live set has format %d, this program reads %d: scan and sweep must be of one version",
			rd.Header.LiveSet, Format)
	}
	return rd, nil
}

// Each calls version and pin for every line. Nothing that they were told counts
// unless Each returns without an error: only the trailer says that it was all.
func (r *Reader) Each(version func(Version) error, pin func(Pin) error) (Trailer, error) {
	var decoding sync.WaitGroup
	batches, stop := make(chan batch, 1), make(chan struct{})
	decoding.Go(func() { r.decode(batches, stop) })
	defer decoding.Wait()
	defer close(stop)

	var versions, pins int64
	for b := range batches {
		for _, l := range b.lines {
			var err error
			switch {
			case l.Complete:
				decoding.Wait() // it has ended, and what is left is read here
				return l.Trailer, r.end(l.Trailer, versions, pins)
			case !layout.IsOID(l.OID):
				err = fmt.Errorf("%w: a line without an OID", ErrIncomplete)
			case l.Kind != "":
				pins++
				err = pin(Pin{OID: l.OID, Size: l.Size, Kind: l.Kind, Ref: l.Ref, Entry: l.Entry, Path: l.Path})
			default:
				versions++
				err = version(Version{Entry: l.Entry, Path: l.Path, OID: l.OID, Size: l.Size, First: l.First, Gen: l.Gen, Last: l.Last, Of: l.Of})
			}
			if err != nil {
				return Trailer{}, err
			}
		}
		if b.err != nil {
			return Trailer{}, fmt.Errorf("%w: %w", ErrIncomplete, b.err)
		}
	}
	return Trailer{}, fmt.Errorf("%w: it ends without its last line", ErrIncomplete)
}

// batch is some lines, and what is wrong with the one after them.
type batch struct {
	lines []line
	err   error
}

// decode reads up to the trailer. Decoding takes as long as judging, so that the
// two go side by side, with at most three batches in memory.
func (r *Reader) decode(out chan<- batch, stop <-chan struct{}) {
	defer close(out)
	for more := true; more; {
		var b batch
		b, more = r.batch()
		select {
		case out <- b:
		case <-stop:
			return
		}
	}
}

// batch reads some lines. There are no more after the trailer or an error.
func (r *Reader) batch() (b batch, more bool) {
	const size = 256
	b.lines = make([]line, 0, size)
	for len(b.lines) < size {
		if !r.lines.Scan() {
			b.err = r.lines.Err()
			return b, false
		}
		var l line
		if b.err = json.Unmarshal(r.lines.Bytes(), &l); b.err != nil {
			return b, false
		}
		b.lines = append(b.lines, l)
		if l.Complete {
			return b, false
		}
	}
	return b, true
}

// end checks the trailer, and by reading on the checksum of the whole.
func (r *Reader) end(t Trailer, versions, pins int64) error {
	if t.Versions != versions || t.Pins != pins {
		return fmt.Errorf("%w: %d versions and %d pins, its last line says %d and %d",
			ErrIncomplete, versions, pins, t.Versions, t.Pins)
	}
	if r.lines.Scan() {
		return fmt.Errorf("%w: lines after the last one", ErrIncomplete)
	}
	if err := r.lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	return nil
}
