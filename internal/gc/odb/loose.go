package odb

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// loose are the objects of one folder that are files of their own.
type loose struct {
	dir    string
	format Format
	// ids are sorted. Git packs loose objects before they become many.
	ids   []ID
	first Ref
}

func openLoose(dir string, format Format) (*loose, error) {
	l := &loose{dir: dir, format: format}
	folders, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		if len(folder.Name()) != 2 || !folder.IsDir() {
			continue
		}
		files, err := os.ReadDir(filepath.Join(dir, folder.Name()))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if id, ok := format.Parse(folder.Name() + f.Name()); ok {
				l.ids = append(l.ids, id)
			}
		}
	}
	slices.SortFunc(l.ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return l, nil
}

func (l *loose) find(id ID) (uint32, bool) {
	i, ok := slices.BinarySearchFunc(l.ids, id, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return uint32(i), ok
}

// open reads a loose object's header; the rest is the content.
func (s *reader) open(l *loose, place uint32) (f *os.File, rest *bufio.Reader, kind Kind, size uint64, err error) {
	name := l.format.Text(l.ids[place])
	if f, err = os.Open(filepath.Join(l.dir, name[:2], name[2:])); err != nil {
		return nil, nil, 0, 0, err
	}
	z, err := s.from(s.at(f, 0))
	if err != nil {
		_ = f.Close()
		return nil, nil, 0, 0, fmt.Errorf("%s: %w", name, err)
	}
	rest = bufio.NewReaderSize(z, window)
	kind, size, err = looseHeader(rest)
	if err != nil {
		_ = f.Close()
		return nil, nil, 0, 0, fmt.Errorf("%s: %w", name, err)
	}
	return f, rest, kind, size, nil
}

// looseHeader reads "blob 123" and the NUL after it.
func looseHeader(r *bufio.Reader) (Kind, uint64, error) {
	text, err := r.ReadSlice(0)
	if err != nil {
		return 0, 0, cutOff(err)
	}
	word, number, _ := bytes.Cut(text[:len(text)-1], []byte(" "))
	size, err := strconv.ParseUint(string(number), 10, 63)
	for kind, name := range kindNames {
		if name == string(word) && err == nil {
			return kind, size, nil
		}
	}
	return 0, 0, fmt.Errorf("malformed loose object")
}

func (s *reader) readLoose(l *loose, place uint32) (Kind, []byte, error) {
	f, rest, kind, size, err := s.open(l, place)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := whole(io.Reader(rest), size)
	return kind, content, err
}

func (s *reader) sizeLoose(l *loose, place uint32) (Kind, uint64, error) {
	f, _, kind, size, err := s.open(l, place)
	if err != nil {
		return 0, 0, err
	}
	return kind, size, f.Close()
}
