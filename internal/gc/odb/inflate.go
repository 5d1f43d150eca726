package odb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zlib"
)

// maxObject bounds what is held in memory: no commit, tree or tag of a healthy
// repository comes near it, and larger blobs are never pointers.
const maxObject = 64 << 20

// inflater reads compressed data, one object after the other.
type inflater struct {
	z       io.ReadCloser
	buf     *bufio.Reader
	page    page
	section section
}

// from prepares reading the data that begins at r's place. The reader returned
// ends with an error where the data's checksum is wrong.
func (f *inflater) from(r *bufio.Reader) (io.Reader, error) {
	if f.z != nil {
		return f.z, cutOff(f.z.(zlib.Resetter).Reset(r, nil))
	}
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, cutOff(err)
	}
	f.z = z
	return z, nil
}

// window is how much is read from a file at once. Most objects are shorter, and
// their bases are often right before them.
const window = 4 << 10

// page is the piece of a file that was read last.
type page struct {
	f   *os.File
	at  int64
	buf []byte
}

// section reads a file from an offset on, through the page where it lies there.
type section struct {
	*page
	off int64
}

// Read implements io.Reader.
func (s *section) Read(b []byte) (int, error) {
	if skip := s.off - s.at; s.f != nil && skip >= 0 && skip < int64(len(s.buf)) {
		n := copy(b, s.buf[skip:])
		s.off += int64(n)
		return n, nil
	}
	if cap(s.buf) == 0 {
		s.buf = make([]byte, window)
	}
	n, err := s.f.ReadAt(s.buf[:cap(s.buf)], s.off)
	s.buf, s.at = s.buf[:n], s.off
	if n == 0 {
		return 0, err
	}
	return s.Read(b)
}

// at prepares reading the data at an offset of a file.
func (f *inflater) at(file *os.File, off int64) *bufio.Reader {
	if f.buf == nil {
		f.buf = bufio.NewReaderSize(nil, window)
		f.section.page = &f.page
	}
	if f.page.f != file {
		f.page.f, f.page.buf = file, f.page.buf[:0]
	}
	f.section.off = off
	f.buf.Reset(&f.section)
	return f.buf
}

var (
	errSize     = errors.New("an object has another size than it says")
	errTooLarge = fmt.Errorf("an object of more than %d MiB is not read", maxObject>>20)
)

// whole reads exactly size bytes, and that there are no more.
func whole(r io.Reader, size uint64) ([]byte, error) {
	if size > maxObject {
		return nil, errTooLarge
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, cutOff(err)
	}
	return b, end(r)
}

// end checks that a compressed object ends here, and with it its checksum.
func end(r io.Reader) error {
	var one [1]byte
	switch n, err := io.ReadFull(r, one[:]); {
	case n > 0:
		return errSize
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// cutOff turns an end in the middle into an error that says so.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
