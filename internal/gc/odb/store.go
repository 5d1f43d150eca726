package odb

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Ref is the number of an object in a Store, from 0 to Len()-1. Equal objects
// have equal numbers as long as the Store is open.
type Ref uint32

// reader has what reading an object needs; it is not safe for concurrent use.
type reader struct {
	inflater
	cache cache
}

// Store is an open object database. It is not safe for concurrent use; see Fork.
type Store struct {
	Format Format
	reader
	packs []*pack
	loose []*loose
	count Ref
	// held is the size of the indexes in memory.
	held int64
	// found is what Find answered last: its name need not be read again.
	found struct {
		ref Ref
		id  ID
		ok  bool
	}
}

// heldIndexes bounds the memory for indexes, in bytes. That of 700,000 objects
// takes 20 MiB; those that do not fit stay on disk.
const heldIndexes = 24 << 20

// Open opens the database in a repository's folder "objects" and its alternates.
func Open(objects string, format Format) (*Store, error) {
	s := &Store{Format: format}
	if err := s.add(objects, map[string]bool{}, 0); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Fork is the same database for another goroutine, with the same numbers and a
// small cache of its own. It is closed with the Store that it comes from.
func (s *Store) Fork() *Store {
	f := &Store{Format: s.Format, packs: s.packs, loose: s.loose, count: s.count}
	f.cache.limit = forkCacheSize
	return f
}

// Close closes all files.
func (s *Store) Close() {
	for _, p := range s.packs {
		p.close()
	}
	s.packs = nil
}

// maxAlternates is how deep alternates may nest; git stops at 5.
const maxAlternates = 5

func (s *Store) add(dir string, seen map[string]bool, depth int) error {
	if seen[dir] || depth > maxAlternates {
		return nil
	}
	seen[dir] = true
	if err := s.addPacks(filepath.Join(dir, "pack")); err != nil {
		return err
	}
	l, err := openLoose(dir, s.Format)
	if err != nil {
		return err
	}
	l.first, s.count = s.count, s.count+Ref(len(l.ids))
	s.loose = append(s.loose, l)
	more, err := alternates(dir)
	if err != nil {
		return err
	}
	for _, alternate := range more {
		if err := s.add(alternate, seen, depth+1); err != nil {
			return fmt.Errorf("alternates: %w", err)
		}
	}
	return nil
}

func (s *Store) addPacks(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".idx")
		if !ok {
			continue
		}
		p, err := openPack(filepath.Join(dir, name), s.Format)
		if err != nil {
			return err
		}
		held, err := p.hold(heldIndexes - s.held)
		if err != nil {
			return err
		}
		s.held += held
		p.first, p.number = s.count, len(s.packs)
		s.count += Ref(p.count)
		s.packs = append(s.packs, p)
	}
	return nil
}

// alternates reads objects/info/alternates (gitrepository-layout).
func alternates(dir string) ([]string, error) {
	f, err := os.Open(filepath.Join(dir, "info/alternates"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var out []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		path := lines.Text()
		if path == "" || strings.HasPrefix(path, "#") {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		out = append(out, filepath.Clean(path))
	}
	return out, lines.Err()
}

// Len is the number of objects, some of which may be there twice.
func (s *Store) Len() int { return int(s.count) }

// Find returns the number of an object, and false when it is not there.
func (s *Store) Find(id ID) (Ref, bool, error) {
	r, ok, err := s.search(id)
	s.found.ref, s.found.id, s.found.ok = r, id, ok && err == nil
	return r, ok, err
}

func (s *Store) search(id ID) (Ref, bool, error) {
	for _, p := range s.packs {
		place, ok, err := p.find(id)
		if ok || err != nil {
			return p.first + Ref(place), ok, err
		}
	}
	for _, l := range s.loose {
		if place, ok := l.find(id); ok {
			return l.first + Ref(place), true, nil
		}
	}
	return 0, false, nil
}

// Name of an object, for messages.
func (s *Store) Name(r Ref) string {
	id, err := s.id(r)
	if err != nil {
		return "unknown"
	}
	return s.Format.Text(id)
}

func (s *Store) id(r Ref) (ID, error) {
	if s.found.ok && s.found.ref == r {
		return s.found.id, nil
	}
	p, l, place := s.where(r)
	if p == nil {
		return l.ids[place], nil
	}
	return p.name(place)
}

// where an object lies: in a pack, or loose.
func (s *Store) where(r Ref) (*pack, *loose, uint32) {
	for _, p := range slices.Backward(s.packs) {
		if r >= p.first && r < p.first+Ref(p.count) {
			return p, nil, uint32(r - p.first)
		}
	}
	for _, l := range slices.Backward(s.loose) {
		if r >= l.first && int(r-l.first) < len(l.ids) {
			return nil, l, uint32(r - l.first)
		}
	}
	panic("odb: a Ref of another Store")
}

// errName: what lies there is not what its name says.
var errName = errors.New("its content does not have its name: the repository is damaged")

// Read returns kind and content of an object, which is what its name says. The
// caller must not change it.
func (s *Store) Read(r Ref) (Kind, []byte, error) {
	o, err := s.content(r)
	if err != nil {
		err = fmt.Errorf("object %s: %w", s.Name(r), err)
	}
	return o.kind, o.content, err
}

func (s *Store) content(r Ref) (o cached, err error) {
	p, l, place := s.where(r)
	key, off := uint64(1)<<63|uint64(r), int64(0)
	if p != nil {
		if off, err = p.offset(place); err != nil {
			return o, err
		}
		key = p.key(off)
	}
	if o, ok := s.cache.get(key); ok && o.checked {
		return o, nil
	}
	if p != nil {
		o.kind, o.content, err = s.read(p, off, p.offsetOf)
	} else {
		o.kind, o.content, err = s.readLoose(l, place)
	}
	if err != nil {
		return o, err
	}
	if id, err := s.id(r); err != nil || s.Format.nameObject(o.kind, o.content) != id {
		return o, errors.Join(errName, err)
	}
	o.checked = true
	s.cache.put(key, o)
	return o, nil
}

// Small returns the content of a blob of at most limit bytes, and false for any
// larger one, of which little is read.
func (s *Store) Small(r Ref, limit uint64) (content []byte, ok bool, err error) {
	kind, size, err := s.Size(r)
	if err != nil || size > limit {
		return nil, false, err
	}
	o, err := s.content(r)
	if err == nil && kind != Blob {
		err = fmt.Errorf("it is a %s", kind)
	}
	if err != nil {
		return nil, false, fmt.Errorf("blob %s: %w", s.Name(r), err)
	}
	return o.content, true, nil
}

// Size returns kind and size of an object in bytes, without reading all of it.
func (s *Store) Size(r Ref) (kind Kind, size uint64, err error) {
	p, l, place := s.where(r)
	if p == nil {
		kind, size, err = s.sizeLoose(l, place)
	} else {
		var off int64
		if off, err = p.offset(place); err == nil {
			kind, size, err = s.size(p, off, p.offsetOf)
		}
	}
	if err != nil {
		err = fmt.Errorf("object %s: %w", s.Name(r), err)
	}
	return kind, size, err
}

// offsetOf a name in the pack.
func (p *pack) offsetOf(id ID) (int64, bool, error) {
	place, ok, err := p.find(id)
	if !ok || err != nil {
		return 0, false, err
	}
	off, err := p.offset(place)
	return off, err == nil, err
}
