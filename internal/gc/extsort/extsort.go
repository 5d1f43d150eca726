// Package extsort sorts more records than fit into memory: runs are sorted in
// memory, spilled to temporary files and merged. Records are byte strings in
// bytewise order, so a caller encodes its sort key big-endian and first.
package extsort

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
)

// DefaultMemory is how many bytes of records a Sorter holds before it spills.
const DefaultMemory = 16 << 20

// Sorter collects records. It is not safe for concurrent use.
type Sorter struct {
	dir   string
	limit int
	held  int
	recs  [][]byte
	// block takes the bytes of the records that come next.
	block  []byte
	spills []*os.File
}

// New returns a Sorter that spills to dir ("" for the system's temporary
// directory) whenever it holds more than memory bytes (0 for DefaultMemory).
func New(dir string, memory int) *Sorter {
	if memory <= 0 {
		memory = DefaultMemory
	}
	return &Sorter{dir: dir, limit: memory}
}

// perRecord approximates what a record costs beside its bytes.
const perRecord = 40

// Memory for records is taken in blocks of so many bytes, each twice the last.
const (
	minBlock = 4 << 10
	maxBlock = 256 << 10
)

// Add takes over a copy of a record.
func (s *Sorter) Add(rec []byte) error {
	if len(s.block)+len(rec) > cap(s.block) {
		s.block = make([]byte, 0, max(len(rec), min(2*cap(s.block), maxBlock), minBlock))
	}
	from := len(s.block)
	s.block = append(s.block, rec...)
	s.recs = append(s.recs, s.block[from:len(s.block):len(s.block)])
	s.held += len(rec) + perRecord
	if s.held < s.limit {
		return nil
	}
	return s.spill()
}

func (s *Sorter) spill() error {
	f, err := os.CreateTemp(s.dir, "sort-*")
	if err != nil {
		return fmt.Errorf("sorting: %w", err)
	}
	// Nobody else needs the name, and a crash leaves nothing behind.
	_ = os.Remove(f.Name())
	s.spills = append(s.spills, f)
	slices.SortFunc(s.recs, bytes.Compare)
	w := bufio.NewWriterSize(f, 64<<10)
	var length [binary.MaxVarintLen64]byte
	for _, rec := range s.recs {
		_, _ = w.Write(length[:binary.PutUvarint(length[:], uint64(len(rec)))])
		_, _ = w.Write(rec)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sorting: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("sorting: %w", err)
	}
	clear(s.recs)
	s.recs, s.block, s.held = s.recs[:0], nil, 0
	return nil
}

// Sorted yields all records in order, duplicates included; a record is valid
// until the next one. It can be called once, and Add no more after it.
func (s *Sorter) Sorted() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		slices.SortFunc(s.recs, bytes.Compare)
		var m merge
		for _, f := range s.spills {
			m.add(&source{r: bufio.NewReaderSize(f, 32<<10)})
		}
		m.add(&source{mem: s.recs})
		for len(m.heap) > 0 {
			src := m.heap[0]
			if !yield(src.rec, nil) {
				return
			}
			m.advance()
		}
		if m.err != nil {
			yield(nil, fmt.Errorf("sorting: %w", m.err))
		}
	}
}

// Close removes the temporary files.
func (s *Sorter) Close() {
	for _, f := range s.spills {
		_ = f.Close()
	}
	s.spills, s.recs, s.block = nil, nil, nil
}

// source is one sorted run, in a file or in memory.
type source struct {
	r   *bufio.Reader
	mem [][]byte
	rec []byte
}

func (s *source) next() error {
	if s.r == nil {
		if len(s.mem) == 0 {
			return io.EOF
		}
		s.rec, s.mem = s.mem[0], s.mem[1:]
		return nil
	}
	n, err := binary.ReadUvarint(s.r)
	if err != nil {
		return err
	}
	s.rec = slices.Grow(s.rec[:0], int(n))[:n]
	if _, err = io.ReadFull(s.r, s.rec); errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// merge is a heap of sources by their current record.
type merge struct {
	heap []*source
	err  error
}

func (m *merge) add(s *source) {
	if m.take(s.next()) {
		heap.Push(m, s)
	}
}

func (m *merge) advance() {
	if m.take(m.heap[0].next()) {
		heap.Fix(m, 0)
	} else {
		heap.Pop(m)
	}
	if m.err != nil {
		m.heap = nil
	}
}

func (m *merge) take(err error) bool {
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = err
	}
	return err == nil
}

func (m *merge) Len() int           { return len(m.heap) }
func (m *merge) Less(i, j int) bool { return bytes.Compare(m.heap[i].rec, m.heap[j].rec) < 0 }
func (m *merge) Swap(i, j int)      { m.heap[i], m.heap[j] = m.heap[j], m.heap[i] }
func (m *merge) Push(x any)         { m.heap = append(m.heap, x.(*source)) }
func (m *merge) Pop() any {
	s := m.heap[len(m.heap)-1]
	m.heap = m.heap[:len(m.heap)-1]
	return s
}
