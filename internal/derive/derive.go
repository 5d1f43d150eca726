// Package derive makes every secret of a repository from one key of the
// operator's own, by HKDF-SHA-256 (RFC 5869). A derived secret need not be read
// back from the cluster, so the operator needs no permission to read Secrets.
package derive

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
)

// MasterKeySize is the size of the operator's key in bytes.
const MasterKeySize = 32

// Master derives the secrets of all repositories.
type Master struct{ key []byte }

// NewMaster takes the operator's key, which must have MasterKeySize bytes.
func NewMaster(key []byte) (*Master, error) {
	if len(key) != MasterKeySize {
		return nil, fmt.Errorf("the operator's key has %d bytes, want %d", len(key), MasterKeySize)
	}
	return &Master{key: key}, nil
}

// Token derives the access token of that name and generation for the repository
// with that UID.
func (m *Master) Token(uid, name string, generation int64) string {
	return "lfs_" + base64.RawURLEncoding.EncodeToString(m.secret("token", uid, name, generation))
}

// StatusToken derives the operator's own token for the status endpoint.
func (m *Master) StatusToken(uid string) string {
	return base64.RawURLEncoding.EncodeToString(m.secret("status", uid, "", 0))
}

// ScanToken derives the token that scans report to the server with.
func (m *Master) ScanToken(uid string) string {
	return base64.RawURLEncoding.EncodeToString(m.secret("scan", uid, "", 0))
}

// SigningKey derives the key of action tokens of that generation and its ID.
func (m *Master) SigningKey(uid string, generation int64) (id string, key []byte) {
	return fmt.Sprintf("k%d", generation), m.secret("signing", uid, "", generation)
}

// GrantKey derives the key that grants of the store with that UID are signed with.
// Its public half is no secret.
func (m *Master) GrantKey(storeUID string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(m.secret("store-grants", storeUID, "", 0))
}

// Seal vouches for what the operator has recorded outside of status about the
// repository with that UID, where others could change it.
func (m *Master) Seal(uid string, record []byte) []byte {
	mac := hmac.New(sha256.New, m.secret("record", uid, "", 0))
	_, _ = mac.Write(record)
	return mac.Sum(nil)
}

// Sealed is true for exactly that record of that repository.
func (m *Master) Sealed(uid string, record, seal []byte) bool {
	return hmac.Equal(m.Seal(uid, record), seal)
}

// Fingerprint names a key without giving it away.
func Fingerprint(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:])
}

// secret derives 32 bytes. The lengths stand in the info string, so that no two
// different inputs give the same one.
func (m *Master) secret(purpose, uid, name string, generation int64) []byte {
	info := fmt.Sprintf("lfs-operator.dev/v1 %s %d:%s %d:%s %d", purpose, len(uid), uid, len(name), name, generation)
	out, err := hkdf.Key(sha256.New, m.key, nil, info, 32)
	if err != nil {
		panic(err) // only for lengths over 255 hash sizes
	}
	return out
}
