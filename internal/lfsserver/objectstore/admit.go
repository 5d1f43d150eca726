package objectstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
)

// This is the only file that lets content reach a final key. A final key is a
// promise that its bytes hash to its name, so whatever comes here must already
// be bound to the hash: today by a signed checksum that the store enforces.

// ErrUnprovable: the store was not seen to refuse wrong content, so no URL may
// be issued that writes to a final key.
var ErrUnprovable = errors.New("the store does not prove uploads")

// Upload is the right to put one object under its final key.
type Upload struct {
	// URL takes one PUT.
	URL string
	// Header that the PUT must carry exactly as it stands here.
	Header map[string]string
}

// Admission grants uploads to final keys of one repository.
type Admission struct {
	presigner      Presigner
	prefix         layout.Prefix
	signedChecksum bool
}

// NewAdmission grants by presigned URLs of p. signedChecksum is what the probe
// found of that very store.
func NewAdmission(p Presigner, prefix layout.Prefix, signedChecksum bool) Admission {
	return Admission{presigner: p, prefix: prefix, signedChecksum: signedChecksum}
}

// Grant returns an upload whose body the store compares with the OID (64
// lower-case hex digits) and size in bytes before it stores anything.
func (a Admission) Grant(oid string, size int64, expires time.Duration) (Upload, error) {
	if !a.signedChecksum {
		return Upload{}, ErrUnprovable
	}
	sum, err := hex.DecodeString(oid)
	if err != nil || len(sum) != sha256.Size || hex.EncodeToString(sum) != oid {
		return Upload{}, errors.New("admit: not an OID")
	}
	u, header, err := a.presigner.PresignPut(a.prefix.Object(oid), sum, size, expires)
	return Upload{URL: u, Header: header}, err
}
