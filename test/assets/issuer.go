package assets

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Issuer is an OpenID Connect issuer of tokens as a cluster makes them for
// ServiceAccounts.
type Issuer struct {
	url string
	key *rsa.PrivateKey
}

// NewIssuer starts one, until the test ends.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{key: key}
	s := httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(s.Close)
	i.url = s.URL
	return i
}

// Trust makes a store take its tokens with that audience.
func (i *Issuer) Trust(t testing.TB, audience string) Trust {
	t.Helper()
	return Trust{ConfigURL: i.url + "/.well-known/openid-configuration", Audience: audience, Token: i.Token(t, "anybody", audience)}
}

// serve answers with the discovery document ("OpenID Connect Discovery 1.0") and the
// public key (RFC 7517).
func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/keys" {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": i.url + "/keys"})
		return
	}
	encode := base64.RawURLEncoding.EncodeToString
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
		"n": encode(i.key.N.Bytes()), "e": encode(big.NewInt(int64(i.key.E)).Bytes()),
	}}})
}

// Token of a subject, for ten minutes (RFC 7519).
func (i *Issuer) Token(t testing.TB, subject, audience string) string {
	t.Helper()
	now := time.Now()
	signed := part(t, map[string]string{"alg": "RS256", "kid": "1", "typ": "JWT"}) + "." + part(t, map[string]any{
		"iss": i.url, "sub": subject, "aud": []string{audience}, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	})
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// part of a JSON Web Token.
func part(t testing.TB, content any) string {
	t.Helper()
	raw, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
