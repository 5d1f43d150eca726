package odb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// pack is a pack file with its index.
type pack struct {
	f *os.File
	*idx
	// first is the Ref of the object at place 0, number the pack's own.
	first  Ref
	number int
}

var errPack = errors.New("malformed pack")

func openPack(path string, format Format) (*pack, error) {
	x, err := openIdx(path+".idx", format)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path + ".pack")
	if err != nil {
		x.close()
		return nil, err
	}
	return &pack{f: f, idx: x}, nil
}

func (p *pack) close() {
	p.idx.close()
	_ = p.f.Close()
}

// header is what stands before an object's data.
type header struct {
	kind Kind
	// size of the data; of a delta, the delta's.
	size uint64
	// back is how far before this object the base of an ofsDelta begins, base
	// the name of a refDelta's.
	back int64
	base ID
}

// readHeader reads the header of an object in a pack.
func readHeader(r *bufio.Reader, format Format) (h header, err error) {
	c, err := r.ReadByte()
	if err != nil {
		return h, cutOff(err)
	}
	h.kind, h.size = Kind(c>>4&7), uint64(c&15)
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c, err = r.ReadByte(); err != nil || shift > 57 {
			return h, errors.Join(errPack, err)
		}
		h.size |= uint64(c&0x7f) << shift
	}
	switch h.kind {
	case Commit, Tree, Blob, Tag:
	case ofsDelta:
		h.back, err = readBack(r)
	case refDelta:
		_, err = io.ReadFull(r, h.base[:format.Size()])
	default:
		err = fmt.Errorf("%w: %s", errPack, h.kind)
	}
	return h, err
}

// readBack reads the distance to a base: seven bits a byte, the highest first,
// each further byte adding one.
func readBack(r *bufio.Reader) (int64, error) {
	c, err := r.ReadByte()
	n := int64(c & 0x7f)
	for err == nil && c&0x80 != 0 {
		if n > 1<<54 {
			return 0, errPack
		}
		c, err = r.ReadByte()
		n = (n+1)<<7 | int64(c&0x7f)
	}
	if err == nil && n <= 0 {
		err = errPack
	}
	return n, err
}

// maxChain of deltas: git makes at most 4095 (pack.depth).
const maxChain = 5000

// link is a delta on the way to its base.
type link struct {
	off   int64
	delta []byte
}

func (p *pack) key(off int64) uint64 { return uint64(p.number)<<44 | uint64(off) }

// read returns the object that begins at off. Bases by name are looked up in find.
func (s *reader) read(p *pack, off int64, find func(ID) (int64, bool, error)) (Kind, []byte, error) {
	var chain []link
	var o cached
	for {
		known, ok := s.cache.get(p.key(off))
		if ok {
			o = known
			break
		}
		h, data, err := s.entry(p, off)
		if err != nil {
			return 0, nil, err
		}
		if h.kind != ofsDelta && h.kind != refDelta {
			o = cached{kind: h.kind, content: data}
			s.cache.put(p.key(off), o)
			break
		}
		if chain = append(chain, link{off, data}); len(chain) > maxChain {
			return 0, nil, fmt.Errorf("%w: deltas without end", errPack)
		}
		if off, err = base(h, off, find); err != nil {
			return 0, nil, err
		}
	}
	for i := len(chain) - 1; i >= 0; i-- {
		content, err := applyDelta(o.content, chain[i].delta)
		if err != nil {
			return 0, nil, err
		}
		o = cached{kind: o.kind, content: content}
		s.cache.put(p.key(chain[i].off), o)
	}
	return o.kind, o.content, nil
}

// errNoBase: a delta's base is not in the pack.
var errNoBase = fmt.Errorf("%w: the base of a delta is not in it", errPack)

func base(h header, off int64, find func(ID) (int64, bool, error)) (int64, error) {
	if h.kind == ofsDelta {
		if off -= h.back; off <= 0 {
			return 0, errNoBase
		}
		return off, nil
	}
	off, ok, err := find(h.base)
	if err == nil && !ok {
		err = errNoBase
	}
	return off, err
}

// entry reads header and data of what begins at off.
func (s *reader) entry(p *pack, off int64) (header, []byte, error) {
	r := s.at(p.f, off)
	h, err := readHeader(r, p.format)
	if err != nil {
		return h, nil, err
	}
	z, err := s.from(r)
	if err != nil {
		return h, nil, err
	}
	data, err := whole(z, h.size)
	return h, data, err
}

// size returns how large an object is, and of what kind, without its content.
func (s *reader) size(p *pack, off int64, find func(ID) (int64, bool, error)) (kind Kind, size uint64, err error) {
	for n := 0; ; n++ {
		if known, ok := s.cache.get(p.key(off)); ok {
			if n == 0 {
				size = uint64(len(known.content))
			}
			return known.kind, size, nil
		}
		r := s.at(p.f, off)
		h, err := readHeader(r, p.format)
		if err != nil || n > maxChain {
			return 0, 0, errors.Join(err, errPack)
		}
		if h.kind != ofsDelta && h.kind != refDelta {
			if n == 0 {
				size = h.size
			}
			return h.kind, size, nil
		}
		if n == 0 {
			if size, err = s.result(r); err != nil {
				return 0, 0, err
			}
		}
		if off, err = base(h, off, find); err != nil {
			return 0, 0, err
		}
	}
}

// result is the size of what a delta makes.
func (s *reader) result(r *bufio.Reader) (uint64, error) {
	z, err := s.from(r)
	if err != nil {
		return 0, err
	}
	const twoSizes = 20
	b := make([]byte, twoSizes)
	n, err := io.ReadFull(z, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	_, rest, ok := varint(b[:n])
	size, _, ok2 := varint(rest)
	if !ok || !ok2 {
		return 0, errDelta
	}
	return size, nil
}
