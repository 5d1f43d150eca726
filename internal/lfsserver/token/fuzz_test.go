package token

import (
	"encoding/hex"
	"testing"
	"time"
)

// FuzzSeal: what is sealed is opened as it was, until it expires and not after.
func FuzzSeal(f *testing.F) {
	f.Add(byte(1), "uid", make([]byte, 32), int64(1)<<40, int64(2_000_000_000), "")
	f.Add(byte(2), "", []byte("0123456789abcdef0123456789abcdef"), int64(0), int64(0), "client.id")
	f.Fuzz(func(t *testing.T, op byte, repository string, oid []byte, size, expires int64, upload string) {
		c := Claims{
			Operation: Operation(op), Repository: repository, OID: hex.EncodeToString(oid), Size: size,
			Expires: time.Unix(expires, 0), Upload: upload,
		}
		s, err := ring.Seal(c)
		if err != nil {
			if len(oid) == 32 && size >= 0 && len(repository) < 256 && len(upload) < 256 {
				t.Errorf("%+v: %v", c, err)
			}
			return
		}
		if got, err := ring.Open(s, c.Expires.Add(-time.Second)); err != nil || got != c {
			t.Errorf("sealed %+v, opened %+v, %v", c, got, err)
		}
		if _, err := ring.Open(s, c.Expires); err == nil {
			t.Errorf("opened after its end: %+v", c)
		}
	})
}
