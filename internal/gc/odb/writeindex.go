package odb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/lfs-operator/lfs-operator/internal/gc/extsort"
)

// writeIndex writes the index of all objects that have a name so far, and opens
// it. Its checksums are left at zero: it is made here, for this process.
func (rc *receiver) writeIndex() error {
	if rc.pack.idx.f != nil {
		rc.pack.idx.close()
	}
	path := filepath.Join(rc.dir, "pack-received.idx")
	if err := rc.writeIndexTo(path); err != nil {
		return err
	}
	x, err := openIdx(path, rc.pack.format)
	if err == nil {
		rc.pack.idx = x
	}
	return err
}

func (rc *receiver) writeIndexTo(path string) (err error) {
	size := rc.pack.format.Size()
	sorter := extsort.New(rc.dir, 0)
	defer sorter.Close()
	for rec, err := range rc.named.each(size + 8) {
		if err != nil {
			return err
		}
		if err := sorter.Add(rec); err != nil {
			return err
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	offsets, err := newSpool(rc.dir)
	if err != nil {
		return err
	}
	defer offsets.close()
	w := bufio.NewWriterSize(f, 64<<10)
	_, _ = w.Write(make([]byte, idxHeader+idxFanout))
	var fanout [256]uint32
	last := make([]byte, size)
	for rec, err := range sorter.Sorted() {
		if err != nil {
			return err
		}
		if offsets.n > 0 && bytes.Equal(last, rec[:size]) {
			continue // a pack may hold an object twice
		}
		copy(last, rec)
		fanout[rec[0]]++
		_, _ = w.Write(rec[:size])
		if err := offsets.add(rec[size:]); err != nil {
			return err
		}
	}
	if err := writeOffsets(w, offsets, 2*size); err != nil {
		return err
	}
	return writeFanout(f, fanout)
}

// writeOffsets writes what follows the names: checksums, offsets, and those that
// need 64 bits.
func writeOffsets(w *bufio.Writer, offsets *spool, trailer int) error {
	if _, err := io.CopyN(w, zeros{}, 4*offsets.n); err != nil {
		return err
	}
	var large []byte
	for rec, err := range offsets.each(8) {
		if err != nil {
			return err
		}
		off := binary.BigEndian.Uint64(rec)
		if off >= largeOffset {
			off, large = largeOffset|uint64(len(large)/8), append(large, rec...)
		}
		_, _ = w.Write(binary.BigEndian.AppendUint32(nil, uint32(off)))
	}
	_, _ = w.Write(large)
	_, _ = w.Write(make([]byte, trailer))
	return w.Flush()
}

func writeFanout(f *os.File, counts [256]uint32) error {
	head := bytes.Clone(idxMagic)
	sum := uint32(0)
	for _, n := range counts {
		sum += n
		head = binary.BigEndian.AppendUint32(head, sum)
	}
	_, err := f.WriteAt(head, 0)
	return err
}

// zeros is an endless stream of them.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
