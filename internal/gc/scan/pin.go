package scan

import (
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
)

// tip is a ref whose files are kept.
type tip struct {
	ref  string
	kind string
}

func pinKind(ref string) string {
	switch {
	case ref == "HEAD" || strings.HasPrefix(ref, "refs/heads/"):
		return liveset.PinBranch
	case strings.HasPrefix(ref, "refs/tags/"):
		return liveset.PinTag
	}
	return liveset.PinRef
}

// pinTree pins every pointer of a tree. A tree that was pinned before is not
// read again: pins are about objects, one path of each is enough to name it.
func (w *walk) pinTree(t tip, path string, tree plumbing.Hash, depth int) error {
	if _, done := w.pinned[tree]; done {
		return nil
	}
	if depth > maxDepth {
		return fmt.Errorf("folders nested more than %d deep", maxDepth)
	}
	w.pinned[tree] = struct{}{}
	cur, err := w.repo.tree(tree)
	for ; err == nil && cur.ok; err = cur.next() {
		switch cur.cur.kind {
		case dir:
			err = w.pinTree(t, path+string(cur.cur.name)+"/", cur.cur.hash, depth+1)
		case file:
			err = w.pinBlob(t, path+string(cur.cur.name), cur.cur.hash)
		}
		if err != nil {
			return err
		}
	}
	return err
}

func (w *walk) pinBlob(t tip, path string, blob plumbing.Hash) error {
	p, ok, err := w.repo.pointer(blob)
	if err != nil || !ok {
		return err
	}
	return w.out.pin(liveset.Pin{
		OID: p.OID, Size: p.Size, Kind: t.kind, Ref: t.ref, Entry: w.entry, Path: path,
	})
}
