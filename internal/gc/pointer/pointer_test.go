package pointer

import (
	"strings"
	"testing"
)

const oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"

func TestParse(t *testing.T) {
	tests := map[string]struct {
		in   string
		want Pointer
		ok   bool
	}{
		"canonical": {
			"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 12345\n",
			Pointer{oid, 12345, true}, true,
		},
		"extensions": {
			"version https://git-lfs.github.com/spec/v1\next-0-foo sha256:" + strings.Repeat("a", 64) +
				"\next-1-bar sha256:" + strings.Repeat("b", 64) + "\noid sha256:" + oid + "\nsize 1\n",
			Pointer{oid, 1, true}, true,
		},
		"size zero":     {"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 0\n", Pointer{oid, 0, true}, true},
		"old version":   {"version http://git-media.io/v/2\noid sha256:" + oid + "\nsize 1\n", Pointer{oid, 1, false}, true},
		"crlf":          {"version https://git-lfs.github.com/spec/v1\r\noid sha256:" + oid + "\r\nsize 5\r\n", Pointer{oid, 5, false}, true},
		"no newline":    {"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 5", Pointer{oid, 5, false}, true},
		"out of order":  {"version https://git-lfs.github.com/spec/v1\nsize 5\noid sha256:" + oid + "\n", Pointer{oid, 5, false}, true},
		"unknown key":   {"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 5\nx-note hi\n", Pointer{oid, 5, false}, true},
		"upper case":    {"version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.ToUpper(oid) + "\nsize 5\n", Pointer{oid, 5, false}, true},
		"bad size":      {"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize -5\n", Pointer{oid, -1, false}, true},
		"no size":       {"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\n", Pointer{oid, -1, false}, true},
		"padded size":   {"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 007\n", Pointer{oid, -1, false}, true},
		"empty":         {"", Pointer{}, false},
		"text":          {"hello\n", Pointer{}, false},
		"other version": {"version 3\noid sha256:" + oid + "\nsize 1\n", Pointer{}, false},
		"no oid":        {"version https://git-lfs.github.com/spec/v1\nsize 1\n", Pointer{}, false},
		"short oid":     {"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid[1:] + "\nsize 1\n", Pointer{}, false},
		"other hash":    {"version https://git-lfs.github.com/spec/v1\noid sha512:" + oid + "\nsize 1\n", Pointer{}, false},
		"too long": {
			"version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 1\n" + strings.Repeat("x", 1024),
			Pointer{}, false,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := Parse([]byte(tc.in))
			if ok != tc.ok || (ok && got != tc.want) {
				t.Errorf("Parse = %+v, %v; want %+v, %v", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\noid sha256:" + oid + "\nsize 12345\n"))
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\r\n\noid sha256:" + oid))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := Parse(b)
		if !ok {
			return
		}
		if !isOID(p.OID) || p.Size < -1 || len(b) > MaxSize {
			t.Errorf("accepted %q as %+v", b, p)
		}
		canonical := "version https://git-lfs.github.com/spec/v1\n"
		if p.Canonical && !strings.HasPrefix(string(b), canonical) {
			t.Errorf("called %q canonical", b)
		}
	})
}
