package gctest

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
)

// History is a synthetic history: the same numbers always give the same one.
type History struct {
	// Commits, each of which changes PerCommit of Paths pointers.
	Commits, PerCommit, Paths int
	// Folders that the paths are spread over.
	Folders int
}

// FullHistory has 100,000 commits and 200,000 pointers.
var FullHistory = History{Commits: 100_000, PerCommit: 2, Paths: 2000, Folders: 50}

// Share is the same history when it had only so many percent of its commits.
func (h History) Share(percent int) History {
	h.Commits = h.Commits * percent / 100
	return h
}

// Pointers is how many pointer files it has, all distinct.
func (h History) Pointers() int { return h.Commits * h.PerCommit }

// content that a commit writes to its i-th pointer.
func content(commit, i int) string { return fmt.Sprintf("content %d of commit %d", i, commit) }

// OIDs of all its pointers, in no order.
func (h History) OIDs() []string {
	oids := make([]string, 0, h.Pointers())
	for n := range h.Commits {
		for i := range h.PerCommit {
			oids = append(oids, Hash(content(n+1, i)))
		}
	}
	return oids
}

// sideEvery is after how many commits a side branch of sideLength is merged;
// tagEvery and branchEvery say how often a ref stays behind.
const (
	sideEvery   = 20
	sideLength  = 3
	tagEvery    = 1000
	branchEvery = 10_000
)

// Write writes the history as a stream for git fast-import: a main branch with
// merged side branches, tags, branches that were left behind, and a plain text
// file that changes now and then.
func (h History) Write(w io.Writer) error {
	b := &stream{w: bufio.NewWriterSize(w, 1<<20), h: h, rng: rand.New(rand.NewPCG(1, 2))}
	main := 0
	for b.n < h.Commits {
		before := b.n
		switch {
		case b.n%sideEvery == sideEvery-1 && main > 0 && b.n+sideLength+1 < h.Commits:
			side := main
			for range sideLength {
				side = b.commit("refs/heads/side", side, 0)
			}
			main = b.commit("refs/heads/main", b.commit("refs/heads/main", main, 0), side)
		default:
			main = b.commit("refs/heads/main", main, 0)
		}
		b.ref("refs/tags/v", tagEvery, before, main)
		b.ref("refs/heads/kept-", branchEvery, before, main)
	}
	fmt.Fprint(b.w, "reset refs/heads/side\nfrom 0000000000000000000000000000000000000000\n\n")
	return b.w.Flush()
}

// stream is a history being written. Marks 1… are commits.
type stream struct {
	w   *bufio.Writer
	h   History
	rng *rand.Rand
	n   int
}

// commit writes one commit on top of the marks given, 0 being none.
func (b *stream) commit(ref string, parent, merged int) int {
	b.n++
	message := fmt.Sprintf("change %d", b.n)
	fmt.Fprintf(b.w, "commit %s\nmark :%d\ncommitter A U Thor <author@example.com> %d +0000\ndata %d\n%s\n",
		ref, b.n, 1_500_000_000+int64(b.n)*600, len(message), message)
	if parent > 0 {
		fmt.Fprintf(b.w, "from :%d\n", parent)
	}
	if merged > 0 {
		fmt.Fprintf(b.w, "merge :%d\n", merged)
	}
	for i := range b.h.PerCommit {
		n := b.rng.IntN(b.h.Paths)
		b.file(fmt.Sprintf("folder-%02d/model-%04d.safetensors", n%b.h.Folders, n),
			pointerTo(Hash(content(b.n, i)), 10))
	}
	if b.n%10 == 0 {
		b.file("README.md", fmt.Sprintf("Version %d\n%s", b.n, "All about these models.\n"))
	}
	fmt.Fprintln(b.w)
	return b.n
}

// ref leaves a ref behind at every so many commits.
func (b *stream) ref(name string, every, before, mark int) {
	if n := b.n / every; n > before/every {
		fmt.Fprintf(b.w, "reset %s%d\nfrom :%d\n\n", name, n, mark)
	}
}

func (b *stream) file(path, content string) {
	fmt.Fprintf(b.w, "M 100644 inline %s\ndata %d\n%s\n", path, len(content), content)
}
