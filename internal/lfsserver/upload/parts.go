package upload

import (
	"fmt"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// PartSize is the size of parts for an object, both in bytes: the one wanted, but
// no less than stores take and so large that MaxParts suffice.
func PartSize(size, want int64) int64 {
	least := (size + objectstore.MaxParts - 1) / objectstore.MaxParts
	if least > want {
		// A round number, so that people recognize it.
		const mib = 1 << 20
		want = (least + mib - 1) / mib * mib
	}
	return min(max(want, objectstore.MinPartSize), objectstore.MaxPartSize)
}

// Count is the number of parts; none for an object without content.
func (r *Register) Count() int { return int((r.Size + r.PartSize - 1) / r.PartSize) }

// Span returns where a part begins and its size, in bytes. The last one is what
// is left.
func (r *Register) Span(number int) (pos, size int64) {
	pos = int64(number-1) * r.PartSize
	return pos, min(r.PartSize, r.Size-pos)
}

// sort finds the parts that are as they should be, in order, and the numbers of
// the others. What lies beyond the last part belongs to nothing and is left out.
func (r *Register) sort(have []objectstore.Part) (good []objectstore.Part, missing []int) {
	byNumber := make(map[int]objectstore.Part, len(have))
	for _, p := range have {
		byNumber[p.Number] = p
	}
	for n := 1; n <= r.Count(); n++ {
		_, size := r.Span(n)
		if p, there := byNumber[n]; there && p.Size == size {
			good = append(good, p)
		} else {
			missing = append(missing, n)
		}
	}
	return good, missing
}

// compare checks a client's list against the store's.
func compare(claimed []ClaimedPart, have []objectstore.Part) error {
	if len(claimed) == 0 {
		return nil
	}
	if len(claimed) != len(have) {
		return &PartsError{Reason: fmt.Sprintf("it has %d parts, the upload has %d", len(claimed), len(have))}
	}
	seen := make(map[int]string, len(claimed))
	for _, c := range claimed {
		seen[c.Number] = c.ETag
	}
	for _, p := range have {
		etag, there := seen[p.Number]
		if !there {
			return &PartsError{Reason: fmt.Sprintf("part %d is not in it", p.Number)}
		}
		if etag != "" && etag != p.ETag {
			return &PartsError{Reason: fmt.Sprintf("part %d has another etag in the store", p.Number)}
		}
	}
	return nil
}
