package odb

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Receive reads one pack from r, to its end, into a repository's folder
// "objects", and makes its index. It holds neither the pack nor its table of
// objects in memory. Blobs of more than 64 MiB that come as deltas are left out of
// the index: no program here wants them; skipped counts them.
func Receive(ctx context.Context, r io.Reader, objects string, format Format) (skipped int, err error) {
	dir := filepath.Join(objects, "pack")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "pack-received.pack"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	rc := &receiver{dir: dir, pack: &pack{f: f, idx: &idx{format: format}}}
	defer func() { err = errors.Join(err, rc.close()) }()
	if rc.named, err = newSpool(dir); err != nil {
		return 0, err
	}
	if rc.deltas, err = newSpool(dir); err != nil {
		return 0, err
	}
	if err := rc.store(r); err != nil {
		return 0, err
	}
	if err := rc.resolve(ctx); err != nil {
		return 0, err
	}
	return rc.skipped, rc.writeIndex()
}

// receiver is a pack on its way in.
type receiver struct {
	reader
	dir  string
	pack *pack
	// named are name and offset of the objects that are known, deltas the
	// offsets of those that are not yet.
	named, deltas *spool
	// byName says whether any delta names its base instead of its offset.
	byName  bool
	skipped int
}

func (rc *receiver) close() error {
	if rc.pack.idx.f != nil {
		rc.pack.idx.close()
	}
	for _, s := range []*spool{rc.named, rc.deltas} {
		if s != nil {
			s.close()
		}
	}
	return rc.pack.f.Close()
}

// counted counts what was read through it.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

const packHeader = 12

// store writes the pack to disk and names everything that is no delta.
func (rc *receiver) store(r io.Reader) error {
	in := &counted{r: io.TeeReader(r, rc.pack.f)}
	br := bufio.NewReaderSize(in, 64<<10)
	head := make([]byte, packHeader)
	if _, err := io.ReadFull(br, head); err != nil {
		return cutOff(err)
	}
	version := binary.BigEndian.Uint32(head[4:])
	if !bytes.HasPrefix(head, []byte("PACK")) || version != 2 && version != 3 {
		return fmt.Errorf("%w: its first bytes are not a pack's", errPack)
	}
	for range binary.BigEndian.Uint32(head[8:]) {
		if err := rc.storeObject(br, in.n-int64(br.Buffered())); err != nil {
			return err
		}
	}
	sum := make([]byte, rc.pack.format.Size())
	if _, err := io.ReadFull(br, sum); err != nil {
		return cutOff(err)
	}
	if _, err := br.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(fmt.Errorf("%w: bytes after its end", errPack), err)
	}
	return rc.verify(in.n-int64(len(sum)), sum)
}

// verify compares the pack's checksum with what came to lie on disk.
func (rc *receiver) verify(size int64, sum []byte) error {
	h := rc.pack.format.hash()
	if _, err := io.Copy(h, io.NewSectionReader(rc.pack.f, 0, size)); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), sum) {
		return fmt.Errorf("%w: its checksum is wrong", errPack)
	}
	return nil
}

func (rc *receiver) storeObject(br *bufio.Reader, off int64) error {
	h, err := readHeader(br, rc.pack.format)
	if err != nil {
		return err
	}
	z, err := rc.from(br)
	if err != nil {
		return err
	}
	if h.kind == ofsDelta || h.kind == refDelta {
		rc.byName = rc.byName || h.kind == refDelta
		if err := copyExactly(io.Discard, z, h.size); err != nil {
			return err
		}
		return rc.deltas.add(offsetRecord(off))
	}
	name := rc.pack.format.hash()
	fmt.Fprintf(name, "%s %d\x00", h.kind, h.size)
	if err := copyExactly(name, z, h.size); err != nil {
		return err
	}
	return rc.named.add(name.Sum(nil), offsetRecord(off))
}

func copyExactly(w io.Writer, r io.Reader, size uint64) error {
	if _, err := io.CopyN(w, r, int64(size)); err != nil {
		return cutOff(err)
	}
	return end(r)
}

func offsetRecord(off int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(off)) }

// resolve names the deltas. Those whose base is known by its offset are all done
// in the first round; one that names a base which is itself a delta has to wait
// for the round after its base's.
func (rc *receiver) resolve(ctx context.Context) error {
	for {
		if rc.byName {
			if err := rc.writeIndex(); err != nil {
				return err
			}
		}
		rest, err := rc.round(ctx)
		if err != nil {
			return err
		}
		if rest.n == 0 {
			rest.close()
			return nil
		}
		if rest.n == rc.deltas.n {
			rest.close()
			return errNoBase
		}
		rc.deltas.close()
		rc.deltas = rest
	}
}

// round names the deltas that can be named, and returns the others.
func (rc *receiver) round(ctx context.Context) (*spool, error) {
	rest, err := newSpool(rc.dir)
	if err != nil {
		return nil, err
	}
	find := func(ID) (int64, bool, error) { return 0, false, nil }
	if rc.byName {
		find = rc.pack.offsetOf
	}
	for rec, err := range rc.deltas.each(8) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return rest, err
		}
		off := int64(binary.BigEndian.Uint64(rec))
		kind, content, err := rc.read(rc.pack, off, find)
		switch {
		case err == nil:
			id := rc.pack.format.nameObject(kind, content)
			err = rc.named.add(id[:rc.pack.format.Size()], offsetRecord(off))
		case errors.Is(err, errNoBase) && rc.byName:
			err = rest.add(rec)
		case errors.Is(err, errTooLarge):
			err = rc.skip(off, find, err)
		}
		if err != nil {
			return rest, err
		}
	}
	return rest, nil
}

// skip leaves out a delta that makes a large blob.
func (rc *receiver) skip(off int64, find func(ID) (int64, bool, error), cause error) error {
	kind, size, err := rc.size(rc.pack, off, find)
	if err != nil || kind != Blob || size <= maxObject {
		return errors.Join(cause, err)
	}
	rc.skipped++
	return nil
}
