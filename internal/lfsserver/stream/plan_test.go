package stream

import (
	"math/rand/v2"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

const mib = 1 << 20

func TestPlan(t *testing.T) {
	for name, tc := range map[string]struct {
		r    Register
		left int64
		want piece
	}{
		"small object":                  {Register{Size: 100, Next: 1}, 100, piece{whole, 100, true}},
		"object of one part":            {Register{Size: PartSize, Next: 1}, PartSize, piece{whole, PartSize, true}},
		"first of two":                  {Register{Size: PartSize + 1, Next: 1}, PartSize + 1, piece{part, PartSize, false}},
		"last of two":                   {Register{Size: PartSize + 1, Offset: PartSize, Next: 2, UploadID: "u"}, 1, piece{part, 1, true}},
		"request smaller than a part":   {Register{Size: 1 << 30, Next: 1}, mib, piece{staged, mib, false}},
		"request of the least part":     {Register{Size: 1 << 30, Next: 1}, 5 * mib, piece{part, 5 * mib, false}},
		"staged and request fill one":   {Register{Size: 1 << 30, Next: 1, Offset: 4 * mib, Staged: []Piece{{Size: 4 * mib}}}, mib, piece{part, mib, false}},
		"staged before a large request": {Register{Size: 1 << 30, Next: 1, Offset: 4 * mib, Staged: []Piece{{Size: 4 * mib}}}, 1 << 29, piece{part, 12 * mib, false}},
		"staged and the rest are whole": {Register{Size: 4*mib + 1, Next: 1, Offset: 4 * mib, Staged: []Piece{{Size: 4 * mib}}}, 1, piece{whole, 1, true}},
		"bad line":                      {Register{Size: 1 << 30, Next: 1, Step: mib}, 1 << 30, piece{staged, mib, false}},
		"bad line, end of the object":   {Register{Size: 1 << 30, Offset: 1<<30 - mib, Next: 9, UploadID: "u", Step: mib}, mib, piece{part, mib, true}},
		"huge object":                   {Register{Size: objectstore.MaxObjectSize, Next: 1}, objectstore.MaxObjectSize, piece{part, 2 * objectstore.MaxObjectSize / (objectstore.MaxParts - reserve), false}},
		"numbers run out":               {Register{Size: 1 << 30, Next: objectstore.MaxParts - 1, UploadID: "u"}, 1 << 30, piece{part, 1 << 30, true}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.r.plan(tc.left); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestPlanEnds: whatever the size and however often the line breaks, an object is
// through before the numbers are, and each part is one that stores take.
func TestPlanEnds(t *testing.T) {
	for _, size := range []int64{1, 5 * mib, 100 * mib, 50 << 30, 1 << 40, objectstore.MaxObjectSize} {
		for _, request := range []int64{mib, 5 * mib, 64 * mib, objectstore.MaxObjectSize} {
			if size/request > 1<<20 {
				continue
			}
			for _, lost := range []float64{0, 0.3} {
				through(t, size, request, lost)
			}
		}
	}
}

func through(t *testing.T, size, request int64, lost float64) {
	t.Helper()
	r := Register{Size: size, Next: 1}
	line := rand.New(rand.NewPCG(uint64(size), uint64(request)))
	for left := int64(0); r.Offset < size; {
		if left == 0 {
			left = request
		}
		p := r.plan(left)
		if p.fresh <= 0 {
			t.Fatalf("%d by %d: nothing to do at %d", size, request, r.Offset)
		}
		if p.form != staged {
			total := r.waiting() + p.fresh
			if !p.last && total < objectstore.MinPartSize || total > objectstore.MaxPartSize || p.form == part && r.Next > objectstore.MaxParts {
				t.Fatalf("%d by %d: part %d of %d bytes", size, request, r.Next, total)
			}
			r.Next++
		}
		if line.Float64() < lost {
			r.cutOff(p.fresh)
			left = 0
			continue
		}
		if r.Staged = append(r.Staged, Piece{Size: p.fresh}); p.form != staged {
			r.Staged, r.UploadID = nil, "u"
		}
		r.Offset += p.fresh
		left -= p.fresh
		r.succeeded()
	}
}
