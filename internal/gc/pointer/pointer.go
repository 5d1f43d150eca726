// Package pointer reads Git LFS pointer files
// (git-lfs, docs/spec.md, "The Pointer").
//
// Garbage collection must not overlook a pointer that some client would follow,
// so this reader is more tolerant than the specification and says when it was:
// it accepts CRLF line ends, keys out of order, unknown keys, an OID in upper
// case and an unreadable size. A blob that names a SHA-256 under a version that
// git-lfs knows keeps that object alive.
package pointer

import (
	"bytes"
	"strconv"
	"strings"
)

// MaxSize is the size in bytes above which a blob is never a pointer. The
// specification says "less than 1024"; git-lfs itself reads up to 1024.
const MaxSize = 1024

// Pointer is what a pointer file says.
type Pointer struct {
	// OID is the SHA-256 of the content, 64 lower-case hex digits.
	OID string
	// Size of the content in bytes; -1 when the file does not say it readably.
	Size int64
	// Canonical is false for a file that git-lfs would not have written so.
	Canonical bool
}

// Versions that git-lfs reads; the first is the one that it writes.
var versions = []string{
	"https://git-lfs.github.com/spec/v1",
	"https://hawser.github.com/spec/v1",
	"http://git-media.io/v/2",
}

// Parse reads a blob. It returns false for anything that is not a pointer.
func Parse(blob []byte) (Pointer, bool) {
	if len(blob) > MaxSize || !bytes.HasPrefix(bytes.TrimLeft(blob, " \t\r\n"), []byte("version ")) {
		return Pointer{}, false
	}
	p := Pointer{Size: -1, Canonical: canonicalForm(blob)}
	previous := ""
	for n, line := range strings.Split(strings.TrimSpace(string(blob)), "\n") {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r"), " ")
		value = strings.TrimSpace(value)
		switch {
		case n == 0:
			if !known(value) {
				return Pointer{}, false
			}
			p.Canonical = p.Canonical && value == versions[0]
			continue
		case !ok || key <= previous:
			p.Canonical = false
		}
		previous = key
		p.field(key, value)
	}
	p.Canonical = p.Canonical && p.Size >= 0
	return p, p.OID != ""
}

// field takes over one line after the first.
func (p *Pointer) field(key, value string) {
	switch key {
	case "oid":
		hex, found := strings.CutPrefix(value, "sha256:")
		if oid := strings.ToLower(hex); found && isOID(oid) && p.OID == "" {
			p.OID = oid
			p.Canonical = p.Canonical && oid == hex
			return
		}
		p.Canonical = false
	case "size":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != value {
			p.Canonical = false
			return
		}
		p.Size = n
	default:
		p.Canonical = p.Canonical && strings.HasPrefix(key, "ext-")
	}
}

// canonicalForm looks at what splitting into lines hides.
func canonicalForm(blob []byte) bool {
	return len(blob) < MaxSize && bytes.HasPrefix(blob, []byte("version ")) &&
		bytes.HasSuffix(blob, []byte("\n")) && !bytes.HasSuffix(blob, []byte("\n\n")) &&
		bytes.IndexByte(blob, '\r') < 0
}

func known(version string) bool {
	for _, v := range versions {
		if v == version {
			return true
		}
	}
	return false
}

func isOID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
