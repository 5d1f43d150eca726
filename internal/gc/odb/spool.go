package odb

import (
	"bufio"
	"io"
	"iter"
	"os"
)

// spool is a list of records of one length, on disk. It is written first and
// read afterwards, as often as needed.
type spool struct {
	f *os.File
	w *bufio.Writer
	n int64
}

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "spool-*")
	if err != nil {
		return nil, err
	}
	// Nobody else needs the name, and a crash leaves nothing behind.
	return &spool{f: f, w: bufio.NewWriterSize(f, 64<<10)}, os.Remove(f.Name())
}

// add appends a record, given in parts.
func (s *spool) add(parts ...[]byte) error {
	s.n++
	for _, p := range parts {
		if _, err := s.w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// each yields every record; it is valid until the next one.
func (s *spool) each(size int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := s.w.Flush(); err != nil {
			yield(nil, err)
			return
		}
		r := bufio.NewReaderSize(io.NewSectionReader(s.f, 0, s.n*int64(size)), 64<<10)
		rec := make([]byte, size)
		for range s.n {
			_, err := io.ReadFull(r, rec)
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

func (s *spool) close() { _ = s.f.Close() }
