package upload

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

func TestPartSize(t *testing.T) {
	const mib = 1 << 20
	for name, tc := range map[string]struct{ size, want, expect int64 }{
		"as wished":           {size: 1 << 30, want: 50_000_000, expect: 50_000_000},
		"too small for S3":    {size: 1 << 30, want: 1, expect: 5 * mib},
		"too many parts":      {size: 1 << 40, want: 50_000_000, expect: 105 * mib},
		"just 10000":          {size: 10_000 * 50_000_000, want: 50_000_000, expect: 50_000_000},
		"one more":            {size: 10_000*50_000_000 + 1, want: 50_000_000, expect: 48 * mib},
		"the largest there":   {size: objectstore.MaxObjectSize, want: 50_000_000, expect: 525 * mib},
		"a small one in one":  {size: 3, want: 3, expect: 5 * mib},
		"without any content": {size: 0, want: 0, expect: 5 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			got := PartSize(tc.size, tc.want)
			r := &Register{Size: tc.size, PartSize: got}
			if got != tc.expect || r.Count() > objectstore.MaxParts {
				t.Errorf("%d bytes: parts of %d (want %d), %d of them", tc.size, got, tc.expect, r.Count())
			}
			var sum int64
			for n := 1; n <= r.Count(); n++ {
				pos, size := r.Span(n)
				if pos != sum || size < 1 {
					t.Fatalf("part %d: at %d, %d bytes, after %d", n, pos, size, sum)
				}
				sum += size
			}
			if sum != tc.size {
				t.Errorf("parts have %d bytes", sum)
			}
		})
	}
}

func TestMissingParts(t *testing.T) {
	r := &Register{Size: 25, PartSize: 10}
	good, missing := r.sort([]objectstore.Part{
		{Number: 3, Size: 5, ETag: "c"}, {Number: 1, Size: 9, ETag: "short"}, {Number: 4, Size: 10, ETag: "beyond"},
	})
	if diff := cmp.Diff([]objectstore.Part{{Number: 3, Size: 5, ETag: "c"}}, good); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if diff := cmp.Diff([]int{1, 2}, missing); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}
