package stream

import (
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// FuzzRegister: a register that anybody has put into the bucket is refused, or adds
// up; a hash that it cannot have is an error.
func FuzzRegister(f *testing.F) {
	oid := strings.Repeat("ab", 32)
	f.Add([]byte(`{"id":"i","oid":"` + oid + `","size":30,"next":3,"parts":[{"n":1,"s":10,"e":"x"},{"n":2,"s":5,"e":"y"}],"staged":[{"id":"p","s":5}],"offset":20,"epoch":1}`))
	f.Add([]byte(`{"id":"i","oid":"` + oid + `","size":9223372036854775807,"next":1,"offset":-1}`))
	f.Add([]byte(`{"id":"i","oid":"` + oid + `","size":30,"next":2,"staged":[{"id":"../x","s":30}],"offset":30,"hash":"c2hhAwAAAAA="}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, ok := parseRegister(raw)
		if !ok {
			return
		}
		if r.Offset < 0 || r.Offset > r.Size || r.Size > objectstore.MaxObjectSize || r.waiting() > r.Offset {
			t.Errorf("%d of %d bytes, %d waiting", r.Offset, r.Size, r.waiting())
		}
		for _, p := range r.Staged {
			if strings.Contains(p.ID, "/") {
				t.Errorf("a piece at %q", p.ID)
			}
		}
		if h, err := r.hash(); err == nil && len(h.Sum(nil)) != 32 {
			t.Error("a hash that is none")
		}
	})
}
