package odb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
)

// idx is a pack's index, version 2: sorted names, and where each object begins
// (gitformat-pack, "Version 2 pack-*.idx files"). It stays on disk, unless it is
// small.
type idx struct {
	f *os.File
	// held is all of f, where it is small enough to stay in memory.
	held   []byte
	format Format
	count  uint32
	// starts[i] is how many names begin with less than i, of bits bits.
	starts []uint32
	bits   int
}

const (
	idxHeader = 8
	idxFanout = 4 * 256
)

var (
	idxMagic = []byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}
	errIdx   = errors.New("malformed pack index")
)

func openIdx(path string, format Format) (*idx, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	x := &idx{f: f, format: format}
	if err := x.load(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

func (x *idx) load() error {
	head := make([]byte, idxHeader+idxFanout)
	if _, err := x.f.ReadAt(head, 0); err != nil {
		return errIdx
	}
	if !bytes.Equal(head[:idxHeader], idxMagic) {
		return fmt.Errorf("%w: not of version 2; run git repack -ad", errIdx)
	}
	x.bits, x.starts = 8, make([]uint32, 257)
	for i := range 256 {
		x.starts[i+1] = binary.BigEndian.Uint32(head[idxHeader+4*i:])
		if x.starts[i+1] < x.starts[i] {
			return errIdx
		}
	}
	x.count = x.starts[256]
	st, err := x.f.Stat()
	if err != nil {
		return err
	}
	if st.Size() < x.offsets()+4*int64(x.count)+2*int64(x.format.Size()) {
		return errIdx
	}
	if x.count > fineFrom {
		return x.refine()
	}
	return nil
}

// fineFrom is the number of names above which the first 16 bits are counted
// instead of the first 8: then a search is one short read.
const fineFrom = 1 << 15

func (x *idx) refine() error {
	fine := make([]uint32, 1<<16+1)
	r := bufio.NewReaderSize(io.NewSectionReader(x.f, x.names(), int64(x.count)*int64(x.format.Size())), 256<<10)
	name := make([]byte, x.format.Size())
	for range x.count {
		if _, err := io.ReadFull(r, name); err != nil {
			return errIdx
		}
		fine[int(binary.BigEndian.Uint16(name))+1]++
	}
	for i := range 1 << 16 {
		fine[i+1] += fine[i]
	}
	x.starts, x.bits = fine, 16
	return nil
}

func (x *idx) names() int64   { return idxHeader + idxFanout }
func (x *idx) offsets() int64 { return x.names() + int64(x.count)*int64(x.format.Size()+4) }

// find returns the place of a name.
func (x *idx) find(id ID) (uint32, bool, error) {
	b := int(binary.BigEndian.Uint16(id[:]) >> (16 - x.bits))
	lo, hi := x.starts[b], x.starts[b+1]
	if lo == hi {
		return 0, false, nil
	}
	size := x.format.Size()
	names, err := x.piece(x.names()+int64(lo)*int64(size), int(hi-lo)*size)
	if err != nil {
		return 0, false, err
	}
	n := int(hi - lo)
	i := sort.Search(n, func(i int) bool { return bytes.Compare(names[i*size:(i+1)*size], id[:size]) >= 0 })
	if i == n || !bytes.Equal(names[i*size:(i+1)*size], id[:size]) {
		return 0, false, nil
	}
	return lo + uint32(i), true, nil
}

// piece of the file, which the caller must not change.
func (x *idx) piece(off int64, size int) ([]byte, error) {
	if end := off + int64(size); end <= int64(len(x.held)) {
		return x.held[off:end], nil
	}
	b := make([]byte, size)
	if _, err := x.f.ReadAt(b, off); err != nil {
		return nil, fmt.Errorf("%w: %w", errIdx, err)
	}
	return b, nil
}

// offset in the pack of the object at a place.
func (x *idx) offset(place uint32) (int64, error) {
	b, err := x.piece(x.offsets()+4*int64(place), 4)
	if err != nil {
		return 0, err
	}
	off := binary.BigEndian.Uint32(b)
	if off&largeOffset == 0 {
		return int64(off), nil
	}
	b, err = x.piece(x.offsets()+4*int64(x.count)+8*int64(off&^largeOffset), 8)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b) & (1<<63 - 1)), nil
}

// largeOffset marks an offset that stands in the table of 64-bit ones.
const largeOffset = 1 << 31

// name of the object at a place.
func (x *idx) name(place uint32) (ID, error) {
	size := x.format.Size()
	b, err := x.piece(x.names()+int64(place)*int64(size), size)
	if err != nil {
		return ID{}, err
	}
	return x.format.raw(b), nil
}

// hold brings the index into memory where it takes no more than budget bytes, and
// returns how many it takes.
func (x *idx) hold(budget int64) (int64, error) {
	st, err := x.f.Stat()
	if err != nil || st.Size() > budget {
		return 0, err
	}
	b := make([]byte, st.Size())
	if _, err := x.f.ReadAt(b, 0); err != nil {
		return 0, errIdx
	}
	x.held = b
	return st.Size(), nil
}

func (x *idx) close() { _ = x.f.Close() }
