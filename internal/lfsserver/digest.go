package lfsserver

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"strings"
	"sync/atomic"
)

// wantDigest is what a part that comes through this server is compared with, in
// the form of RFC 3230: never MD5 or SHA-1.
const wantDigest = "sha-256, sha-512"

// errDigest: a part is not what its Digest header says.
var errDigest = errors.New("the part does not have the digest of its Digest header")

// claimed is a digest that a client sent.
type claimed struct {
	hash hash.Hash
	want []byte
}

// parseDigests reads Digest headers (RFC 3230, section 4.3.2). Algorithms that are
// not wanted are not looked at.
func parseDigests(headers []string) (out []claimed, err error) {
	for _, instance := range strings.Split(strings.Join(headers, ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(instance), "=")
		var h hash.Hash
		switch strings.ToLower(name) {
		case "sha-256":
			h = sha256.New()
		case "sha-512":
			h = sha512.New()
		default:
			continue
		}
		want, err := base64.StdEncoding.DecodeString(value)
		if err != nil || len(want) != h.Size() {
			return nil, badRequest("Digest: %s must be followed by = and the digest in base64", name)
		}
		out = append(out, claimed{hash: h, want: want})
	}
	return out, nil
}

// withheld reads left bytes of r and lets the last one through only when they have
// the digests. An error at the end of a body would not do: the receiver has seen
// all of it by then.
type withheld struct {
	r       io.Reader
	left    int64
	digests []claimed
	wrong   atomic.Bool
}

// Read implements io.Reader.
func (w *withheld) Read(b []byte) (int, error) {
	most := max(w.left-1, min(w.left, 1))
	n, err := w.r.Read(b[:min(int64(len(b)), most)])
	w.left -= int64(n)
	for _, d := range w.digests {
		d.hash.Write(b[:n])
	}
	if w.left > 0 || n == 0 {
		return n, err
	}
	for _, d := range w.digests {
		if subtle.ConstantTimeCompare(d.hash.Sum(nil), d.want) != 1 {
			w.wrong.Store(true)
			return 0, errDigest
		}
	}
	return n, err
}
