package scan

import (
	"slices"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
)

// plain counts a file at a branch's tip that lies in Git itself although the
// suffix rules want it in LFS, in upper or lower case as for clients that ask. It
// may be counted once more for a branch on which it differs.
func (w *walk) plain(t tip, path string) {
	name := strings.ToLower(path)
	if t.kind != liveset.PinBranch || !slices.ContainsFunc(w.suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
		return
	}
	w.count.Plain++
	path = liveset.SafePath(path)
	if len(w.count.PlainPaths) < liveset.MaxPlainPaths && !slices.Contains(w.count.PlainPaths, path) {
		w.count.PlainPaths = append(w.count.PlainPaths, path)
	}
}

// large counts a file at a branch's tip that lies in Git itself although it reaches
// the threshold. What was not fetched is at least as large as that: the fetch asked
// for all that is smaller.
func (w *walk) large(t tip, path string, id odb.ID) error {
	if w.threshold == 0 || t.kind != liveset.PinBranch {
		return nil
	}
	ref, ok, err := w.repo.db.Find(id)
	if err != nil {
		return err
	}
	if ok {
		if _, size, err := w.repo.db.Size(ref); err != nil || int64(size) < w.threshold {
			return err
		}
	}
	w.count.Large++
	path = liveset.SafePath(path)
	if len(w.count.LargePaths) < liveset.MaxPlainPaths && !slices.Contains(w.count.LargePaths, path) {
		w.count.LargePaths = append(w.count.LargePaths, path)
	}
	return nil
}

// lower is a list in lower case.
func lower(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, strings.ToLower(s))
	}
	return out
}
