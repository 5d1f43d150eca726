package scan

import "github.com/lfs-operator/lfs-operator/internal/gc/odb"

// place is where a commit stands: its time and generation order all versions.
type place struct {
	// at is the committer's time in Unix seconds, or the latest of the parents'
	// where that is later: a clock that was wrong never puts a version before
	// the one that it replaced.
	at int64
	// gen is 1 + the largest of the parents': it orders commits of one second.
	gen  int32
	tree odb.Ref
	// The parents stand in commits.edges from here to where the next one's begin.
	edges int32
	state state
}

type state uint8

const (
	unseen state = iota
	begun
	visited
)

// commits are those of one history: about 50 bytes for each.
type commits struct {
	number map[odb.Ref]int32
	all    []place
	// edges are the parents, first as Refs, since they are found later.
	edges []odb.Ref
}

func newCommits() commits { return commits{number: map[odb.Ref]int32{}} }

func (c *commits) add(ref, tree odb.Ref, when int64, parents []odb.Ref) {
	c.number[ref] = int32(len(c.all))
	c.all = append(c.all, place{at: when, tree: tree, edges: int32(len(c.edges))})
	c.edges = append(c.edges, parents...)
}

// parents of a commit, by number. All are there once discovery is over.
func (c *commits) parents(n int32) []int32 {
	end := int32(len(c.edges))
	if int(n)+1 < len(c.all) {
		end = c.all[n+1].edges
	}
	out := make([]int32, 0, 2)
	for _, ref := range c.edges[c.all[n].edges:end] {
		out = append(out, c.number[ref])
	}
	return out
}

// inOrder calls visit for every commit, parents always before children.
func (c *commits) inOrder(visit func(n int32) error) error {
	var stack []int32
	for root := range c.all {
		stack = append(stack, int32(root))
		for len(stack) > 0 {
			n := stack[len(stack)-1]
			if c.all[n].state == unseen {
				c.all[n].state = begun
				for _, p := range c.parents(n) {
					if c.all[p].state == unseen {
						stack = append(stack, p)
					}
				}
				continue
			}
			stack = stack[:len(stack)-1]
			if c.all[n].state == visited {
				continue // it stood on the stack twice
			}
			c.all[n].state = visited
			if err := visit(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// refSet is a set of objects: one bit for each that there is.
type refSet []uint64

func newRefSet(n int) refSet { return make(refSet, (n+63)/64) }

// add returns false when the object was in the set before.
func (s refSet) add(r odb.Ref) bool {
	bit := uint64(1) << (r % 64)
	if s[r/64]&bit != 0 {
		return false
	}
	s[r/64] |= bit
	return true
}
