package liveset

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
)

// FuzzRead: a live set is refused, or it is whole and names nothing but OIDs.
func FuzzRead(f *testing.F) {
	header := `{"liveSet":1,"run":"r","attempt":"a","revision":"1"}` + "\n"
	oid := strings.Repeat("ab", 32)
	f.Add([]byte(header + `{"complete":true}` + "\n"))
	f.Add([]byte(header + `{"e":"main","p":"a","o":"` + oid + `","s":1,"f":1,"g":1,"l":1}` + "\n" + `{"o":"` + oid + `","k":"tag"}` + "\n" + `{"complete":true,"versions":1,"pins":1}` + "\n"))
	f.Add([]byte(header + `{"o":"` + strings.Repeat("../x", 16) + `"}` + "\n" + `{"complete":true,"versions":1}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		var b bytes.Buffer
		gz := gzip.NewWriter(&b)
		_, _ = gz.Write(lines)
		_ = gz.Close()
		versions, pins, tr, err := read(b.Bytes())
		if err != nil {
			return
		}
		if !tr.Complete || tr.Versions != int64(len(versions)) || tr.Pins != int64(len(pins)) {
			t.Errorf("%d versions, %d pins, and the last line %+v", len(versions), len(pins), tr)
		}
		for _, v := range versions {
			if len(v.OID) != 64 || strings.Trim(v.OID, "0123456789abcdef") != "" {
				t.Errorf("a version of %q", v.OID)
			}
		}
		for _, p := range pins {
			if len(p.OID) != 64 || strings.Trim(p.OID, "0123456789abcdef") != "" {
				t.Errorf("a pin of %q", p.OID)
			}
		}
	})
}

// FuzzReadBytes: nothing but a live set is one, gzip or not.
func FuzzReadBytes(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, _, tr, err := read(raw); err == nil && !tr.Complete {
			t.Errorf("a live set without its last line: %+v", tr)
		}
	})
}
