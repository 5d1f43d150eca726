package odb

import (
	"crypto/sha1" //nolint:gosec // G505: Git names objects by SHA-1
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// ID is the name of an object. SHA-1 takes the first 20 bytes.
type ID [sha256.Size]byte

// Format is how a repository names its objects.
type Format string

// The formats, named as in Git's configuration and protocol.
const (
	SHA1   Format = "sha1"
	SHA256 Format = "sha256"
)

// Size of a name in bytes.
func (f Format) Size() int {
	if f == SHA256 {
		return sha256.Size
	}
	return sha1.Size
}

func (f Format) hash() hash.Hash {
	if f == SHA256 {
		return sha256.New()
	}
	return sha1.New() //nolint:gosec // G401: Git names objects by SHA-1
}

// Parse reads a name in hex.
func (f Format) Parse(text string) (ID, bool) {
	var id ID
	if len(text) != 2*f.Size() {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// Text is the name in hex.
func (f Format) Text(id ID) string { return hex.EncodeToString(id[:f.Size()]) }

// raw reads a name from the beginning of b.
func (f Format) raw(b []byte) (id ID) {
	copy(id[:], b[:f.Size()])
	return id
}

// Kind of an object, by its number in a pack.
type Kind byte

// The kinds.
const (
	Commit Kind = 1
	Tree   Kind = 2
	Blob   Kind = 3
	Tag    Kind = 4

	ofsDelta Kind = 6
	refDelta Kind = 7
)

var kindNames = map[Kind]string{Commit: "commit", Tree: "tree", Blob: "blob", Tag: "tag"}

// String is Git's word for it.
func (k Kind) String() string {
	if name := kindNames[k]; name != "" {
		return name
	}
	return fmt.Sprintf("object of type %d", byte(k))
}

// nameObject computes an object's name.
func (f Format) nameObject(k Kind, content []byte) ID {
	h := f.hash()
	_, _ = fmt.Fprintf(h, "%s %d\x00", k, len(content))
	_, _ = h.Write(content)
	return f.raw(h.Sum(nil))
}
