package scan

import (
	"context"
	"fmt"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
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

// pinAll pins all targets beside what reads the history, with a database of its own,
// and sends the outcome once it has counted.
func (w *walk) pinAll(ctx context.Context, targets []target) <-chan error {
	own := *w
	own.repo = &repo{db: w.repo.db.Fork(), filtered: w.repo.filtered}
	done := make(chan error, 1)
	go func() {
		for _, t := range targets {
			if err := own.pin(ctx, t); err != nil {
				done <- err
				return
			}
		}
		// Nobody else counts these.
		w.count.Refs, w.count.Pinned = own.count.Refs, own.count.Pinned
		w.count.Plain, w.count.PlainPaths = own.count.Plain, own.count.PlainPaths
		w.count.Large, w.count.LargePaths = own.count.Large, own.count.LargePaths
		done <- nil
	}()
	return done
}

// pin keeps what a ref is about, unless it is a forge's and merged.
func (w *walk) pin(ctx context.Context, t target) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.count.Refs++
	if t.merged {
		return nil
	}
	w.count.Pinned++
	tip := tip{ref: t.name, kind: pinKind(t.name)}
	switch t.kind {
	case odb.Blob:
		return w.pinBlob(tip, "", t.id)
	case odb.Tree:
		tree, err := w.repo.find(odb.Tree, t.id)
		if err != nil {
			return err
		}
		return w.pinTree(tip, "", tree, 0)
	}
	commit, err := w.repo.find(odb.Commit, t.id)
	if err != nil {
		return err
	}
	return w.pinTree(tip, "", w.commits.all[w.commits.number[commit]].tree, 0)
}

// pinTree pins every pointer of a tree. A tree that was pinned before is not
// read again: pins are about objects, one path of each is enough to name it.
func (w *walk) pinTree(t tip, path string, tree odb.Ref, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("folders nested more than %d deep", maxDepth)
	}
	if !w.pinned.add(tree) {
		return nil
	}
	cur, err := w.repo.tree(tree)
	if err != nil {
		return err
	}
	for ; ; cur.next() {
		more, err := cur.more()
		if err != nil || !more {
			return err
		}
		switch cur.cur.kind {
		case dir:
			var sub odb.Ref
			if sub, err = w.repo.find(odb.Tree, w.repo.db.Format.ID(cur.cur.id)); err == nil {
				err = w.pinTree(t, path+string(cur.cur.name)+"/", sub, depth+1)
			}
		case file:
			err = w.pinBlob(t, path+string(cur.cur.name), w.repo.db.Format.ID(cur.cur.id))
		}
		if err != nil {
			return err
		}
	}
}

func (w *walk) pinBlob(t tip, path string, blob odb.ID) error {
	p, ok, err := w.repo.pointer(blob)
	if err != nil {
		return err
	}
	if !ok {
		w.plain(t, path)
		return w.large(t, path, blob)
	}
	return w.out.pin(liveset.Pin{
		OID: p.OID, Size: p.Size, Kind: t.kind, Ref: t.ref, Entry: w.entry, Path: path,
	})
}
