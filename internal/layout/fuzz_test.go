package layout

import (
	"strings"
	"testing"
)

// FuzzOIDOf: whatever lies in a bucket, only a final key has an OID, and it is the
// one that leads back to that key.
func FuzzOIDOf(f *testing.F) {
	oid := strings.Repeat("ab", 32)
	for _, key := range []string{Prefix("p/").Object(oid), Prefix("").Object(oid), "p/lfs/" + oid, "p/lfs/AB/AB/" + strings.ToUpper(oid), "p/lfs/zz/zz/" + strings.Repeat("z", 64), ""} {
		f.Add("p/", key)
	}
	f.Fuzz(func(t *testing.T, prefix, key string) {
		oid, ok := Prefix(prefix).OIDOf(key)
		if !ok {
			return
		}
		if Prefix(prefix).Object(oid) != key || len(oid) != 64 || strings.Trim(oid, "0123456789abcdef") != "" {
			t.Errorf("key %q has the OID %q", key, oid)
		}
	})
}
