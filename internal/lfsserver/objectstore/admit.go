package objectstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// This file, publish.go and receive.go are the only ones that let content reach a
// final key. A final key is a promise that its bytes hash to its name, so whatever
// gets there is bound to the hash: here by a signature that the store enforces, in
// publish.go by reading it back, in receive.go by hashing it on its way through.

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
	presigner UploadPresigner
	prefix    layout.Prefix
	caps      serverstatus.Capabilities
}

// NewAdmission grants by presigned URLs of p. caps is what the probe found of
// that very store.
func NewAdmission(p UploadPresigner, prefix layout.Prefix, caps serverstatus.Capabilities) Admission {
	return Admission{presigner: p, prefix: prefix, caps: caps}
}

// Grant returns an upload whose body the store compares with the OID (64
// lower-case hex digits) and size in bytes before it stores anything.
func (a Admission) Grant(oid string, size int64, expires time.Duration) (Upload, error) {
	sum, err := checksum(oid, a.caps.SignedChecksum)
	if err != nil {
		return Upload{}, err
	}
	u, header, err := a.presigner.PresignPut(a.prefix.Object(oid), sum, size, expires)
	return Upload{URL: u, Header: header}, err
}

// GrantBare is Grant for clients that send none of our headers: the query alone
// binds the body to the OID. A body of another length has another hash.
func (a Admission) GrantBare(oid string, expires time.Duration) (Upload, error) {
	sum, err := checksum(oid, a.caps.QuerySHA256)
	if err != nil {
		return Upload{}, err
	}
	u, err := a.presigner.PresignPutQuery(a.prefix.Object(oid), sum, expires)
	return Upload{URL: u}, err
}

// checksum is the OID's, where the store looks at it.
func checksum(oid string, enforced bool) ([]byte, error) {
	if !enforced {
		return nil, ErrUnprovable
	}
	sum, err := hex.DecodeString(oid)
	if err != nil || len(sum) != sha256.Size || hex.EncodeToString(sum) != oid {
		return nil, errors.New("admit: not an OID")
	}
	return sum, nil
}
