package stream

import "github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"

const (
	// PartSize in bytes that is aimed at: small enough that little is lost with a
	// connection, large enough that the register is written rarely. Objects of at
	// most this size are sent to the store in one PUT.
	PartSize = 16 << 20
	// leastStep in bytes of a piece on a line that breaks all the time.
	leastStep = 256 << 10
	// reserve of part numbers for the end, where few are left to be wrong about.
	reserve = 1000
)

// form of a piece.
type form int

const (
	// staged: an object under staging/, to be put before the next part.
	staged form = iota
	// part of the upload at the final key, with the staged pieces before it.
	part
	// whole object in one PUT, with the staged pieces before it.
	whole
)

// piece is what is sent to the store next.
type piece struct {
	form form
	// fresh bytes of the request, without those that are staged.
	fresh int64
	// last of the object.
	last bool
}

// plan chooses the next piece of a request that still brings left bytes.
func (r *Register) plan(left int64) piece {
	rest, waiting := r.Size-r.Offset, r.waiting()
	least := r.leastPart()
	p := piece{fresh: min(left, rest, max(PartSize, least)-waiting)}
	if r.Step > 0 {
		p.fresh = min(p.fresh, r.Step)
	}
	p.last = p.fresh == rest
	switch {
	case p.last && r.UploadID == "":
		p.form = whole
	case p.last, waiting+p.fresh >= least:
		p.form = part
	}
	return p
}

// leastPart in bytes: what stores take, and so much that half of the numbers left
// suffice for the rest. The other half is for parts that were cut off.
func (r *Register) leastPart() int64 {
	numbers := int64(objectstore.MaxParts - reserve - r.Next + 1)
	least := 2 * (r.Size - r.Offset + r.waiting()) / max(numbers, 1)
	return min(max(least, objectstore.MinPartSize), objectstore.MaxPartSize)
}

// succeeded and cutOff adapt the next pieces to the line.
func (r *Register) succeeded() {
	if r.Step *= 2; r.Step >= PartSize {
		r.Step = 0
	}
}

func (r *Register) cutOff(fresh int64) { r.Step = max(fresh/4, leastStep) }
