package upload

import (
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// FuzzParseRef: what is read is what was written, and names a key under staging/.
func FuzzParseRef(f *testing.F) {
	f.Add(Ref{Client: ClientOf("uid", "token:one"), ID: newID()}.String())
	for _, s := range []string{"", ".", "ab.", ".abc", "ab.c.d", "zz.abc", "ab.../../lfs/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := ParseRef(s)
		if !ok {
			if r != (Ref{}) {
				t.Errorf("%q is refused and yet %+v", s, r)
			}
			return
		}
		if r.String() != s || strings.ContainsAny(s, "/\\") {
			t.Errorf("%q is read as %+v", s, r)
		}
	})
}

// FuzzPartSize: any object fits into the parts that stores take.
func FuzzPartSize(f *testing.F) {
	f.Add(int64(0), int64(1))
	f.Add(int64(objectstore.MaxObjectSize), int64(50_000_000))
	f.Add(int64(1), int64(1)<<62)
	f.Fuzz(func(t *testing.T, size, want int64) {
		if size < 0 || size > objectstore.MaxObjectSize {
			return
		}
		r := &Register{Size: size, PartSize: PartSize(size, want)}
		if r.PartSize < objectstore.MinPartSize || r.PartSize > objectstore.MaxPartSize || r.Count() > objectstore.MaxParts {
			t.Errorf("%d bytes in parts of %d, wanted %d: %d of them", size, r.PartSize, want, r.Count())
		}
	})
}

// FuzzRegister: a register that anybody has put into the bucket is refused, or has
// parts that add up to the object and keys of its own.
func FuzzRegister(f *testing.F) {
	oid := strings.Repeat("ab", 32)
	f.Add([]byte(`{"id":"` + newID() + `","oid":"` + oid + `","size":25,"partSize":10,"uploadID":"u","by":"x","createdAt":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"id":"../../lfs","oid":"` + oid + `","size":25,"partSize":10}`))
	f.Add([]byte(`{"id":"` + newID() + `","oid":"` + oid + `","size":9223372036854775807,"partSize":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, ok := parseRegister(raw)
		if !ok {
			return
		}
		if n := r.Count(); n < 0 || n > objectstore.MaxParts {
			t.Fatalf("%d parts: %+v", n, r)
		}
		var sum int64
		for n := 1; n <= r.Count(); n++ {
			_, size := r.Span(n)
			if sum += size; size < 1 {
				t.Fatalf("part %d has %d bytes: %+v", n, size, r)
			}
		}
		if sum != r.Size {
			t.Errorf("parts have %d bytes: %+v", sum, r)
		}
		if p := layout.Prefix("p/"); strings.Count(p.Staging(r.ID), "/") != 2 || len(p.Object(r.OID)) != len("p/lfs/ab/cd/")+64 {
			t.Errorf("keys %q and %q", p.Staging(r.ID), p.Object(r.OID))
		}
	})
}
