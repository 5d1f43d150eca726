package lfsserver_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// inAnHour are the claims of a token that is good for an hour.
func inAnHour(sub string) map[string]any {
	c := map[string]any{"exp": inSeconds(3600), "iat": inSeconds(0)}
	if sub != "" {
		c["sub"] = sub
	}
	return c
}

func inSeconds(n int) int64 { return time.Now().Unix() + int64(n) }

// sign makes a JSON Web Token.
func sign(t testing.TB, key jose.SigningKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// unsigned makes a token that names an algorithm and has no signature.
func unsigned(alg string, claims map[string]any) string {
	header, _ := json.Marshal(map[string]string{"alg": alg, "typ": "JWT"})
	body, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(body) + "."
}

// tampered changes a byte in the middle of the claims.
func tampered(token string) string {
	b := []byte(token)
	if i := len(b) / 2; b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

func newHMAC() jose.SigningKey {
	key := make([]byte, 64)
	_, _ = rand.Read(key)
	return jose.SigningKey{Algorithm: jose.HS256, Key: key}
}

// newRSA makes a key, with an ID for the tokens where one is given.
func newRSA(t testing.TB, id string) jose.SigningKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return named(jose.RS256, key, id)
}

func newEC(t testing.TB, id string) jose.SigningKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return named(jose.ES256, key, id)
}

func newEd(t testing.TB) jose.SigningKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return named(jose.EdDSA, key, "")
}

func named(alg jose.SignatureAlgorithm, key any, id string) jose.SigningKey {
	if id == "" {
		return jose.SigningKey{Algorithm: alg, Key: key}
	}
	return jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}
}

// publicJWK is a key as a set lists it.
func publicJWK(key jose.SigningKey, alg string) jose.JSONWebKey {
	private := key.Key.(jose.JSONWebKey)
	j := private.Public()
	j.Algorithm = alg
	return j
}

func derOf(t testing.TB, key jose.SigningKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Key.(crypto.Signer).Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pemOf(t testing.TB, key jose.SigningKey) string {
	t.Helper()
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: derOf(t, key)}))
}

func basicOf(user, password string) string { return "Basic " + base64Of(user+":"+password) }
