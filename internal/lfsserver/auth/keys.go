package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

const (
	// maxKeys of one issuer. A token that names no key is tried with all of them.
	maxKeys = 32
	// minHMAC is the least length of a shared secret, in bytes (RFC 7518, 3.2).
	minHMAC = 32
	// minRSA is the least size of an RSA key, in bits (RFC 7518, 3.3).
	minRSA = 2048
)

// verificationKey verifies signatures of a few algorithms and no others: which
// they are is said by the key's kind, never by a token (RFC 8725, 3.1).
type verificationKey struct {
	// id as tokens name it in "kid"; empty: it takes tokens of any.
	id         string
	key        any
	algorithms []jose.SignatureAlgorithm
}

var (
	hmacAlgorithms = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
	rsaAlgorithms  = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}
	// ecAlgorithms by the curve's size: ES256 is P-256 and so on (RFC 7518, 3.4).
	ecAlgorithms = map[int]jose.SignatureAlgorithm{256: jose.ES256, 384: jose.ES384, 521: jose.ES512}
	// allAlgorithms are those that any key could have; "none" is no algorithm.
	allAlgorithms = slices.Concat(hmacAlgorithms, rsaAlgorithms, []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA})
)

// newKey finds out what a key is good for.
func newKey(id string, key any) (verificationKey, error) {
	k := verificationKey{id: id, key: key}
	switch v := key.(type) {
	case []byte:
		if len(v) < minHMAC {
			return k, fmt.Errorf("a shared secret needs at least %d bytes", minHMAC)
		}
		k.algorithms = hmacAlgorithms
	case *rsa.PublicKey:
		if v.N.BitLen() < minRSA {
			return k, fmt.Errorf("an RSA key needs at least %d bits", minRSA)
		}
		k.algorithms = rsaAlgorithms
	case *ecdsa.PublicKey:
		a, ok := ecAlgorithms[v.Curve.Params().BitSize]
		if !ok {
			return k, errors.New("an EC key must be on curve P-256, P-384 or P-521")
		}
		k.algorithms = []jose.SignatureAlgorithm{a}
	case ed25519.PublicKey:
		k.algorithms = []jose.SignatureAlgorithm{jose.EdDSA}
	default:
		return k, errors.New("not a public key of kind RSA, EC or Ed25519")
	}
	return k, nil
}

// fromJWK reads a key of a set; false for keys that verify nothing here.
func fromJWK(j *jose.JSONWebKey, symmetric bool) (verificationKey, bool) {
	key := j.Key
	if _, shared := key.([]byte); shared {
		if !symmetric {
			return verificationKey{}, false
		}
	} else {
		key = j.Public().Key
	}
	k, err := newKey(j.KeyID, key)
	if err != nil || j.Use != "" && j.Use != "sig" {
		return k, false
	}
	if a := jose.SignatureAlgorithm(j.Algorithm); a != "" {
		if !slices.Contains(k.algorithms, a) {
			return k, false
		}
		k.algorithms = []jose.SignatureAlgorithm{a}
	}
	return k, true
}

// parseJWKS reads a JSON Web Key Set (RFC 7517). Keys of kinds that are not
// known are passed over (section 5), and shared secrets unless symmetric.
func parseJWKS(b []byte, symmetric bool) ([]verificationKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	var out []verificationKey
	for _, raw := range set.Keys {
		var j jose.JSONWebKey
		if json.Unmarshal(raw, &j) != nil || !j.Valid() {
			continue
		}
		if k, ok := fromJWK(&j, symmetric); ok && len(out) < maxKeys {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the JSON Web Key Set holds no key that could verify a signature")
	}
	return out, nil
}

// parsePEM reads public keys and certificates.
func parsePEM(b []byte) ([]verificationKey, error) {
	var out []verificationKey
	for len(out) < maxKeys {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if cert, e := x509.ParseCertificate(block.Bytes); e == nil {
			key, err = cert.PublicKey, nil
		}
		if err != nil {
			return nil, fmt.Errorf("a PEM block of type %q: want PUBLIC KEY or CERTIFICATE", block.Type)
		}
		k, err := newKey("", key)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	if len(out) == 0 {
		return nil, errors.New("no PEM block")
	}
	return out, nil
}

// staticKeys reads the files of a Secret with keys of the repository's own.
func staticKeys(files map[string][]byte) ([]verificationKey, error) {
	var out []verificationKey
	for name, read := range map[string]func([]byte) ([]verificationKey, error){
		serverconfig.JWTKeyHMAC: func(b []byte) ([]verificationKey, error) {
			k, err := newKey("", b)
			return []verificationKey{k}, err
		},
		serverconfig.JWTKeyPEM:  parsePEM,
		serverconfig.JWTKeyJWKS: func(b []byte) ([]verificationKey, error) { return parseJWKS(b, true) },
	} {
		b, there := files[name]
		if !there {
			continue
		}
		keys, err := read(b)
		if err != nil {
			return nil, fmt.Errorf("its key %s: %w", name, err)
		}
		out = append(out, keys...)
	}
	return out, nil
}
