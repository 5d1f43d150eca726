package scan

import (
	"context"
	"errors"
	"slices"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
)

// walk reads the history of one entry: first which commits there are, then what
// each has introduced, parents always before children.
type walk struct {
	repo    *repo
	entry   string
	out     *collector
	count   liveset.Entry
	commits commits
	// pinned holds the trees whose pointers are pinned already.
	pinned   refSet
	progress func(commits int64)
	// suffixes of files that belong in LFS, in lower case.
	suffixes []string
	// threshold in bytes from which on files belong in LFS, 0 for nobody asks.
	threshold int64
}

func newWalk(r *repo, entry string, out *collector) *walk {
	return &walk{
		repo: r, entry: entry, out: out, count: liveset.Entry{Name: entry},
		commits: newCommits(), pinned: newRefSet(r.db.Len()),
	}
}

// target is what a ref is about, after all tags of tags.
type target struct {
	ref
	kind odb.Kind
	// merged is true for a forge's ref whose commit a branch or tag contains.
	merged bool
}

// refs walks from every ref.
func (w *walk) refs(ctx context.Context, refs []ref) error {
	own := slices.IndexFunc(refs, func(r ref) bool { return managed(r.name) })
	if own < 0 {
		own = len(refs)
	}
	targets := make([]target, 0, len(refs))
	for i, r := range refs {
		t := target{ref: r}
		var err error
		if t.kind, t.id, err = w.repo.peel(r.id); err != nil {
			return err
		}
		// Which requests are merged is settled before any of them is walked, so
		// that one request does not count as merged because another contains it.
		if i >= own && t.kind == odb.Commit {
			if t.merged, err = w.contains(t.id); err != nil {
				return err
			}
		} else if err := w.discover(ctx, t); err != nil {
			return err
		}
		targets = append(targets, t)
	}
	for _, t := range targets[own:] {
		if err := w.discover(ctx, t); err != nil {
			return err
		}
	}
	pins := w.pinAll(ctx, targets)
	err := w.visitAll(ctx)
	return errors.Join(err, <-pins)
}

func (w *walk) contains(id odb.ID) (bool, error) {
	ref, err := w.repo.find(odb.Commit, id)
	if err != nil {
		return false, err
	}
	_, ok := w.commits.number[ref]
	return ok, nil
}

// discover finds a commit and its ancestors.
func (w *walk) discover(ctx context.Context, t target) error {
	if t.kind != odb.Commit {
		return nil
	}
	start, err := w.repo.find(odb.Commit, t.id)
	if err != nil {
		return err
	}
	stack := []odb.Ref{start}
	for len(stack) > 0 {
		ref := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if _, ok := w.commits.number[ref]; ok {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		parents, err := w.add(ref)
		if err != nil {
			return err
		}
		stack = append(stack, parents...)
	}
	return nil
}

// add reads one commit.
func (w *walk) add(ref odb.Ref) (parents []odb.Ref, err error) {
	c, err := w.repo.commit(ref)
	if err != nil {
		return nil, err
	}
	tree, err := w.repo.find(odb.Tree, c.Tree)
	if err != nil {
		return nil, err
	}
	for _, id := range c.Parents {
		p, err := w.repo.find(odb.Commit, id)
		if err != nil {
			return nil, err
		}
		parents = append(parents, p)
	}
	w.commits.add(ref, tree, c.When, parents)
	return parents, nil
}

// visitAll records what every commit introduced. One goroutine compares trees,
// another reads the blobs that differ.
func (w *walk) visitAll(ctx context.Context) error {
	batches, done := make(chan []blob, 2), make(chan error, 1)
	go func() { done <- w.record(batches) }()
	var batch []blob
	err := w.commits.inOrder(func(n int32) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.count.Commits++
		if w.progress != nil {
			w.progress(w.count.Commits)
		}
		if len(batch) >= blobBatch {
			batches <- batch
			batch = nil
		}
		return w.visit(n, func(b blob) { batch = append(batch, b) })
	})
	batches <- batch
	close(batches)
	return errors.Join(err, <-done)
}

// blob is a file that a commit introduced.
type blob struct {
	path string
	id   odb.ID
	at   int64
	gen  int32
}

// blobBatch is how many go from one goroutine to the other at once.
const blobBatch = 256

// visit finds what a commit introduced; its parents have been visited.
func (w *walk) visit(n int32, found func(blob)) error {
	c := &w.commits.all[n]
	c.gen = 1
	var trees []odb.Ref
	for _, p := range w.commits.parents(n) {
		parent := w.commits.all[p]
		c.at = max(c.at, parent.at)
		c.gen = max(c.gen, parent.gen+1)
		trees = append(trees, parent.tree)
	}
	return w.repo.introduced("", c.tree, trees, 0, func(path string, id odb.ID) error {
		found(blob{path: path, id: id, at: c.at, gen: c.gen})
		return nil
	})
}

// record writes down those that are pointers. After an error it only empties the
// channel.
func (w *walk) record(batches <-chan []blob) (err error) {
	r := &repo{db: w.repo.db.Fork(), filtered: w.repo.filtered}
	for batch := range batches {
		for _, b := range batch {
			if err == nil {
				err = w.version(r, b)
			}
		}
	}
	return err
}

func (w *walk) version(r *repo, b blob) error {
	p, ok, err := r.pointer(b.id)
	if err != nil || !ok {
		return err
	}
	if !p.Canonical {
		w.count.Tolerated++
	}
	return w.out.version(liveset.Version{
		Entry: w.entry, Path: b.path, OID: p.OID, Size: p.Size, First: b.at, Gen: int64(b.gen), Last: b.at,
	})
}
