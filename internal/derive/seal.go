package derive

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// SharedKey derives the key of a shared server: what is sealed with it can stand in
// a ConfigMap. Its ID names it without giving it away, so that a new key is a new
// file of a new Secret.
func (m *Master) SharedKey(storeUID, server string) (id string, key []byte) {
	key = m.secret("shared-server", storeUID, server, 0)
	return Fingerprint(key)[:16], key
}

// Seal encrypts a signing key for whoever holds the key of a shared server. The same
// inputs give the same bytes.
//
// It is AES-256-GCM under a key of its own for each signing key (HKDF-SHA-256 of the
// server's key, the repository's UID, and the ID and fingerprint of what is sealed),
// so one key never encrypts two messages, and the nonce may be constant.
func Seal(with []byte, uid, id string, key []byte) ([]byte, error) {
	aead, err := sealer(with, uid, id, Fingerprint(key))
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, make([]byte, aead.NonceSize()), key, nil), nil
}

// Unseal opens what Seal has made for the same repository, ID and fingerprint.
func Unseal(with []byte, uid, id, fingerprint string, sealed []byte) ([]byte, error) {
	aead, err := sealer(with, uid, id, fingerprint)
	if err != nil {
		return nil, err
	}
	key, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("the signing key %q was not sealed with this key for this repository: %w", id, err)
	}
	return key, nil
}

func sealer(with []byte, uid, id, fingerprint string) (cipher.AEAD, error) {
	info := fmt.Sprintf("lfs-operator.dev/v1 sealed %d:%s %d:%s %s", len(uid), uid, len(id), id, fingerprint)
	key, err := hkdf.Key(sha256.New, with, nil, info, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
