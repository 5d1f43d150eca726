// Package token makes and reads action tokens: what an answer of the batch API
// hands to the client, so that a later request proves that this server allowed
// it. They are why the server keeps no state: any replica reads any token.
//
// A token is base64url of: a version byte, the key's ID, the claims and an
// HMAC-SHA-256 over all of it.
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"
)

// Operation is what a token allows.
type Operation byte

// The operations.
const (
	// OperationVerify allows to ask whether an uploaded object has arrived, which
	// finishes a multipart upload whose parts are all there.
	OperationVerify Operation = 1
	// OperationComplete allows to finish a multipart upload and to ask how far it
	// has come.
	OperationComplete Operation = 2
	// OperationAbort allows to throw a multipart upload away.
	OperationAbort Operation = 3
	// OperationReceive allows to send an object to this server.
	OperationReceive Operation = 8
	// OperationFetch allows to download an object from this server.
	OperationFetch Operation = 9
	// OperationPart allows to send parts of a multipart upload to this server.
	OperationPart Operation = 10
)

// Claims say what a token is for. All of them are checked by whoever redeems it.
type Claims struct {
	Operation Operation
	// Repository is the UID of the LFSRepository.
	Repository string
	// OID is 64 lower-case hex digits.
	OID string
	// Size of the object in bytes.
	Size int64
	// Expires to the second.
	Expires time.Time
	// Upload names the registered multipart upload, or the client whose object the
	// server receives; empty where there is none.
	// How far that has come is never in here: the store knows.
	Upload string
	// By names what let in whoever the token was made for (auth.Identity.Grantor).
	By string
}

// Errors of Open. Clients are told no more than "invalid or expired".
var (
	// ErrInvalid: not a token, tampered with, or signed by a key we do not have.
	ErrInvalid = errors.New("invalid token")
	// ErrExpired: a genuine token whose time is over.
	ErrExpired = errors.New("token expired")
	// ErrNoKey: there is no key to sign with.
	ErrNoKey = errors.New("no signing key")
)

const (
	// version of tokens without Upload and By, with Upload, and with both. Only
	// the last is made; servers before this one made the others.
	version       = 1
	versionUpload = 2
	versionBy     = 3

	macSize = sha256.Size
	// maxLength bounds what is decoded at all, in characters.
	maxLength = 1024
)

// Key is an HMAC key by the ID that tokens name it with.
type Key struct {
	ID     string
	Secret []byte
}

// Keyring signs with one key and accepts several, so that keys can be replaced
// while tokens are out. It is immutable.
type Keyring struct {
	signer *Key
	keys   map[string]Key
	// macs of the signer, to be used again: a large batch wants a thousand.
	macs sync.Pool
}

// NewKeyring accepts all keys and signs with the one named signer; an empty
// signer makes a keyring that only accepts.
func NewKeyring(keys []Key, signer string) *Keyring {
	r := &Keyring{keys: make(map[string]Key, len(keys))}
	for _, k := range keys {
		if len(k.ID) == 0 || len(k.ID) > 255 || len(k.Secret) == 0 {
			continue
		}
		r.keys[k.ID] = k
		if k.ID == signer {
			r.signer = &k
			r.macs.New = func() any { return hmac.New(sha256.New, k.Secret) }
		}
	}
	return r
}

// CanSign is false while there is no key to sign with.
func (r *Keyring) CanSign() bool { return r.signer != nil }

// Seal makes a token of the claims.
func (r *Keyring) Seal(c Claims) (string, error) {
	if r.signer == nil {
		return "", ErrNoKey
	}
	if len(c.Repository) > 255 || len(c.Upload) > 255 || len(c.By) > 255 || c.Size < 0 {
		return "", fmt.Errorf("token: claims out of bounds")
	}
	b := make([]byte, 0, 160+len(c.Repository)+len(c.Upload)+len(c.By)+len(r.signer.ID))
	b = append(b, versionBy, byte(len(r.signer.ID)))
	b = append(b, r.signer.ID...)
	b = append(b, byte(c.Operation), byte(len(c.Repository)))
	b = append(b, c.Repository...)
	var err error
	if b, err = hex.AppendDecode(b, []byte(c.OID)); err != nil || len(c.OID) != 64 {
		return "", fmt.Errorf("token: not an OID")
	}
	b = binary.BigEndian.AppendUint64(b, uint64(c.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Expires.Unix()))
	for _, field := range []string{c.Upload, c.By} {
		b = append(b, byte(len(field)))
		b = append(b, field...)
	}
	mac := r.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(b)
	b = mac.Sum(b)
	r.macs.Put(mac)
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// Open checks a token and returns its claims. The signature is compared in
// constant time and before anything else is believed.
func (r *Keyring) Open(s string, now time.Time) (Claims, error) {
	// Decoding skips line breaks; a token has one spelling.
	if len(s) > maxLength || strings.ContainsAny(s, "\r\n") {
		return Claims{}, ErrInvalid
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < macSize+2 || b[0] < version || b[0] > versionBy {
		return Claims{}, ErrInvalid
	}
	body, mac := b[:len(b)-macSize], b[len(b)-macSize:]
	id, rest, ok := cut(body[1:])
	key, known := r.keys[string(id)]
	if !ok || !known || !hmac.Equal(mac, sign(nil, body, key.Secret)) {
		return Claims{}, ErrInvalid
	}
	return parse(rest, b[0], now)
}

func parse(b []byte, v byte, now time.Time) (Claims, error) {
	if len(b) == 0 {
		return Claims{}, ErrInvalid
	}
	c := Claims{Operation: Operation(b[0])}
	uid, rest, ok := cut(b[1:])
	const fixed = 32 + 8 + 8
	if !ok || len(rest) < fixed {
		return Claims{}, ErrInvalid
	}
	rest, tail := rest[:fixed], rest[fixed:]
	for i, field := range []*string{&c.Upload, &c.By} {
		if int(v) < versionUpload+i {
			break
		}
		value, after, ok := cut(tail)
		if !ok {
			return Claims{}, ErrInvalid
		}
		*field, tail = string(value), after
	}
	if len(tail) != 0 {
		return Claims{}, ErrInvalid
	}
	c.Repository = string(uid)
	c.OID = hex.EncodeToString(rest[:32])
	c.Size = int64(binary.BigEndian.Uint64(rest[32:40]))
	c.Expires = time.Unix(int64(binary.BigEndian.Uint64(rest[40:])), 0)
	if !now.Before(c.Expires) {
		return c, ErrExpired
	}
	return c, nil
}

// cut takes a field that stands behind its length.
func cut(b []byte) (field, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}

// sign appends the HMAC of body to dst.
func sign(dst, body, key []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(body)
	return m.Sum(dst)
}
