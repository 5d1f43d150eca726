package scan

import (
	"context"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
)

// walk reads the history of one entry.
type walk struct {
	repo  *repo
	entry string
	out   *collector
	count liveset.Entry
	// seen holds every commit that was read.
	seen map[plumbing.Hash]place
	// pinned holds the trees whose pointers are pinned already.
	pinned   map[plumbing.Hash]struct{}
	progress func(commits int64)
}

// place is where a commit stands: its time and generation order all versions.
type place struct {
	tree plumbing.Hash
	// at is the committer's time in Unix seconds, or the latest of the parents'
	// where that is later: a clock that was wrong never puts a version before
	// the one that it replaced.
	at int64
	// gen is 1 + the largest of the parents': it orders commits of one second.
	gen int64
}

func newWalk(r *repo, entry string, out *collector) *walk {
	return &walk{
		repo: r, entry: entry, out: out, count: liveset.Entry{Name: entry},
		seen: map[plumbing.Hash]place{}, pinned: map[plumbing.Hash]struct{}{},
	}
}

// refs walks from every ref.
func (w *walk) refs(ctx context.Context, refs []ref) error {
	own := slices.IndexFunc(refs, func(r ref) bool { return managed(r.name) })
	if own < 0 {
		own = len(refs)
	}
	for _, r := range refs[:own] {
		if err := w.ref(ctx, r, false); err != nil {
			return err
		}
	}
	// Which requests are merged is settled before any of them is walked, so
	// that one request does not count as merged because another contains it.
	merged := make([]bool, len(refs)-own)
	for i, r := range refs[own:] {
		_, merged[i] = w.seen[r.hash]
	}
	for i, r := range refs[own:] {
		if err := w.ref(ctx, r, merged[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) ref(ctx context.Context, r ref, merged bool) error {
	w.count.Refs++
	typ, hash, err := w.repo.peel(r.hash)
	if err != nil {
		return err
	}
	tip := tip{ref: r.name, kind: pinKind(r.name)}
	switch typ {
	case plumbing.BlobObject:
		w.count.Pinned++
		return w.pinBlob(tip, "", hash)
	case plumbing.TreeObject:
		w.count.Pinned++
		return w.pinTree(tip, "", hash, 0)
	}
	if err := w.commits(ctx, hash); err != nil {
		return err
	}
	if merged {
		return nil
	}
	w.count.Pinned++
	return w.pinTree(tip, "", w.seen[hash].tree, 0)
}

// frame is a commit whose parents are being read.
type frame struct {
	hash plumbing.Hash
	commit
	next int
}

// commits reads a commit and its ancestors, parents always before children.
func (w *walk) commits(ctx context.Context, start plumbing.Hash) error {
	var stack []frame
	push := func(hash plumbing.Hash) error {
		if _, ok := w.seen[hash]; ok {
			return nil
		}
		c, err := w.repo.commit(hash)
		stack = append(stack, frame{hash: hash, commit: c})
		return err
	}
	if err := push(start); err != nil {
		return err
	}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next < len(top.parents) {
			top.next++
			if err := push(top.parents[top.next-1]); err != nil {
				return err
			}
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.visit(*top); err != nil {
			return err
		}
		stack = stack[:len(stack)-1]
	}
	return nil
}

// visit records what a commit introduced; its parents have been visited.
func (w *walk) visit(f frame) error {
	if _, ok := w.seen[f.hash]; ok {
		return nil
	}
	here := place{tree: f.tree, at: f.when, gen: 1}
	trees := make([]plumbing.Hash, 0, len(f.parents))
	for _, p := range f.parents {
		parent := w.seen[p]
		here.at = max(here.at, parent.at)
		here.gen = max(here.gen, parent.gen+1)
		trees = append(trees, parent.tree)
	}
	w.seen[f.hash] = here
	w.count.Commits++
	if w.progress != nil {
		w.progress(w.count.Commits)
	}
	return w.repo.introduced("", f.tree, trees, 0, func(path string, blob plumbing.Hash) error {
		p, ok, err := w.repo.pointer(blob)
		if err != nil || !ok {
			return err
		}
		if !p.Canonical {
			w.count.Tolerated++
		}
		return w.out.version(liveset.Version{
			Entry: w.entry, Path: path, OID: p.OID, Size: p.Size,
			First: here.at, Gen: here.gen, Last: here.at,
		})
	})
}
