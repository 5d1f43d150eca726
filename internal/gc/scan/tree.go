package scan

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// kind is what a tree entry is, as far as pointers go.
type kind byte

const (
	other kind = iota // symbolic links and submodules: never pointers
	file
	dir
)

// treeEntry is one line of a tree; name is only valid while the tree is.
type treeEntry struct {
	kind kind
	name []byte
	hash plumbing.Hash
}

var errTree = errors.New("malformed tree")

// treeCursor walks over a tree in Git's order.
type treeCursor struct {
	rest []byte
	cur  treeEntry
	ok   bool
}

func (r *repo) tree(hash plumbing.Hash) (*treeCursor, error) {
	b, err := r.read(plumbing.TreeObject, hash)
	if err != nil {
		return nil, err
	}
	c := &treeCursor{rest: b}
	return c, c.next()
}

// next moves to the next entry; ok is false after the last.
func (c *treeCursor) next() error {
	c.ok = false
	if len(c.rest) == 0 {
		return nil
	}
	mode, rest, ok := bytes.Cut(c.rest, []byte(" "))
	name, rest, ok2 := bytes.Cut(rest, []byte{0})
	if !ok || !ok2 || len(rest) < len(plumbing.Hash{}) {
		return errTree
	}
	c.cur = treeEntry{kind: kindOf(mode), name: name}
	c.rest = rest[copy(c.cur.hash[:], rest):]
	c.ok = true
	return nil
}

func kindOf(mode []byte) kind {
	switch {
	case bytes.Equal(mode, []byte("40000")), bytes.Equal(mode, []byte("040000")):
		return dir
	case bytes.HasPrefix(mode, []byte("100")):
		return file
	}
	return other
}

// seek moves to the first entry that is not before e, and says whether it has
// the same name and is a directory just as e is or is not.
func (c *treeCursor) seek(e treeEntry) (bool, error) {
	for c.ok && before(c.cur, e) {
		if err := c.next(); err != nil {
			return false, err
		}
	}
	return c.ok && !before(e, c.cur), nil
}

// before is Git's order of tree entries: a directory sorts as if its name ended
// in a slash (git, base_name_compare).
func before(a, b treeEntry) bool {
	n := min(len(a.name), len(b.name))
	if c := bytes.Compare(a.name[:n], b.name[:n]); c != 0 {
		return c < 0
	}
	return next(a, n) < next(b, n)
}

func next(e treeEntry, n int) byte {
	switch {
	case len(e.name) > n:
		return e.name[n]
	case e.kind == dir:
		return '/'
	}
	return 0
}

// maxDepth of folders: beyond it a repository is hostile.
const maxDepth = 2000

// introduced calls emit for every file of a tree that has this content in none
// of the parents at the same path. Without parents that is every file.
func (r *repo) introduced(path string, tree plumbing.Hash, parents []plumbing.Hash, depth int,
	emit func(path string, blob plumbing.Hash) error) error {
	for _, p := range parents {
		if p == tree {
			return nil
		}
	}
	if depth > maxDepth {
		return fmt.Errorf("folders nested more than %d deep", maxDepth)
	}
	cur, err := r.tree(tree)
	if err != nil {
		return err
	}
	old := make([]*treeCursor, len(parents))
	for i, p := range parents {
		if old[i], err = r.tree(p); err != nil {
			return err
		}
	}
	for ; cur.ok && err == nil; err = cur.next() {
		e := cur.cur
		known, subtrees, err := lookup(old, e)
		switch {
		case err != nil:
			return err
		case known || e.kind == other:
		case e.kind == dir:
			err = r.introduced(path+string(e.name)+"/", e.hash, subtrees, depth+1, emit)
		default:
			err = emit(path+string(e.name), e.hash)
		}
		if err != nil {
			return err
		}
	}
	return err
}

// lookup says whether one of the parents has the very entry, and otherwise which
// folders of that name they have.
func lookup(parents []*treeCursor, e treeEntry) (known bool, subtrees []plumbing.Hash, err error) {
	for _, p := range parents {
		same, err := p.seek(e)
		if err != nil {
			return false, nil, err
		}
		if !same || p.cur.kind != e.kind {
			continue
		}
		if p.cur.hash == e.hash {
			known = true
		} else if e.kind == dir {
			subtrees = append(subtrees, p.cur.hash)
		}
	}
	return known, subtrees, nil
}
