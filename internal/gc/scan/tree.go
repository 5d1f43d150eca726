package scan

import (
	"bytes"
	"fmt"

	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
)

// kind is what a tree entry is, as far as pointers go.
type kind byte

const (
	other kind = iota // symbolic links and submodules: never pointers
	file
	dir
)

// treeEntry is one line of a tree; name and id are only valid while the tree is.
type treeEntry struct {
	kind kind
	name []byte
	id   []byte
}

// treeCursor walks over a tree in Git's order.
type treeCursor struct {
	format odb.Format
	// rest begins with the entry at hand, which cur is where parsed says so.
	rest   []byte
	cur    treeEntry
	length int
	parsed bool
}

func (r *repo) tree(ref odb.Ref) (*treeCursor, error) {
	b, err := r.read(odb.Tree, ref)
	if err != nil {
		return nil, err
	}
	return &treeCursor{format: r.db.Format, rest: b}, nil
}

// more says whether there is an entry at hand, and parses it.
func (c *treeCursor) more() (bool, error) {
	if len(c.rest) == 0 || c.parsed {
		return len(c.rest) > 0, nil
	}
	e, rest, err := c.format.NextEntry(c.rest)
	if err != nil {
		return false, err
	}
	c.cur, c.length, c.parsed = treeEntry{kind: kindOf(e.Mode), name: e.Name, id: e.Raw}, len(c.rest)-len(rest), true
	return true, nil
}

// next moves to the next entry.
func (c *treeCursor) next() { c.rest, c.parsed = c.rest[c.length:], false }

// raw is the entry at hand as the tree holds it.
func (c *treeCursor) raw() []byte { return c.rest[:c.length] }

// skip moves on where the entry at hand is this very one.
func (c *treeCursor) skip(raw []byte) bool {
	if !bytes.HasPrefix(c.rest, raw) {
		return false
	}
	c.length = len(raw)
	c.next()
	return true
}

func kindOf(mode []byte) kind {
	switch {
	case string(mode) == "40000", string(mode) == "040000":
		return dir
	case len(mode) == 6 && string(mode[:3]) == "100":
		return file
	}
	return other
}

// seek moves to the first entry that is not before e, and says whether it has
// the same name and is a directory just as e is or is not.
func (c *treeCursor) seek(e treeEntry) (bool, error) {
	for {
		more, err := c.more()
		if err != nil || !more {
			return false, err
		}
		if !before(c.cur, e) {
			return !before(e, c.cur), nil
		}
		c.next()
	}
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
func (r *repo) introduced(path string, tree odb.Ref, parents []odb.Ref, depth int,
	emit func(path string, blob odb.ID) error) error {
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
	for {
		more, err := cur.more()
		if err != nil || !more {
			return err
		}
		e, raw := cur.cur, cur.raw()
		cur.next()
		known, subtrees, err := r.lookup(old, e, raw)
		switch {
		case err != nil:
			return err
		case known || e.kind == other:
		case e.kind == dir:
			var sub odb.Ref
			if sub, err = r.find(odb.Tree, r.db.Format.ID(e.id)); err == nil {
				err = r.introduced(path+string(e.name)+"/", sub, subtrees, depth+1, emit)
			}
		default:
			err = emit(path+string(e.name), r.db.Format.ID(e.id))
		}
		if err != nil {
			return err
		}
	}
}

// lookup says whether one of the parents has the very entry, and otherwise which
// folders of that name they have.
func (r *repo) lookup(parents []*treeCursor, e treeEntry, raw []byte) (known bool, subtrees []odb.Ref, err error) {
	for _, p := range parents {
		if p.skip(raw) {
			return true, nil, nil
		}
		same, err := p.seek(e)
		if err != nil {
			return false, nil, err
		}
		if !same || p.cur.kind != e.kind {
			continue
		}
		if bytes.Equal(p.cur.id, e.id) {
			return true, nil, nil
		}
		if e.kind == dir {
			sub, err := r.find(odb.Tree, r.db.Format.ID(p.cur.id))
			if err != nil {
				return false, nil, err
			}
			subtrees = append(subtrees, sub)
		}
	}
	return false, subtrees, nil
}
