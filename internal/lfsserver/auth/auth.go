// Package auth finds out who asks. It yields an identity and decides nothing:
// what an identity may do is package policy's.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// ErrBadCredentials: credentials were sent, and they are not good (any more).
var ErrBadCredentials = errors.New("the credentials are not valid for this repository")

// Identity is who asks.
type Identity struct {
	// Name for logs: the token's name, never the token. Empty for anonymous.
	Name string
	// Scope is one of serverconfig's scopes, empty for anonymous and for bearers
	// of action tokens.
	Scope string
	// Action is what an action token allows, nil without one.
	Action *token.Claims
}

// Anonymous is whoever sent no credentials.
var Anonymous = Identity{}

// IsAnonymous is true when no credentials were sent.
func (i Identity) IsAnonymous() bool { return i.Scope == "" && i.Action == nil }

// Principal is the name for logs.
func (i Identity) Principal() string {
	switch {
	case i.Action != nil:
		return "action-token"
	case i.Name == "":
		return "anonymous"
	}
	return "token:" + i.Name
}

// Authenticator knows the access tokens of one repository by their hashes. It is
// immutable; a new configuration makes a new one.
type Authenticator struct {
	tokens map[[sha256.Size]byte]serverconfig.Token
	keys   *token.Keyring
}

// New reads the tokens of a configuration. keys open action tokens.
func New(access serverconfig.Access, keys *token.Keyring) (*Authenticator, error) {
	a := &Authenticator{tokens: make(map[[sha256.Size]byte]serverconfig.Token, len(access.Tokens)), keys: keys}
	for _, t := range access.Tokens {
		sum, err := hex.DecodeString(t.SHA256)
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("access.tokens[%s].sha256: want 64 hex digits", t.Name)
		}
		switch t.Scope {
		case serverconfig.ScopeRead, serverconfig.ScopeWrite, serverconfig.ScopeAdmin:
		default:
			return nil, fmt.Errorf("access.tokens[%s].scope: unknown scope %q", t.Name, t.Scope)
		}
		a.tokens[[sha256.Size]byte(sum)] = t
	}
	return a, nil
}

// Authenticate reads the Authorization header: "Basic" with the token as
// password (any user name; or as user name with no password), or "Bearer" with
// an access token or an action token. No header is Anonymous.
func (a *Authenticator) Authenticate(r *http.Request, now time.Time) (Identity, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Anonymous, nil
	}
	scheme, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Basic"):
		secret, ok := basicSecret(rest)
		if !ok {
			return Anonymous, ErrBadCredentials
		}
		return a.accessToken(secret, now)
	case strings.EqualFold(scheme, "Bearer"):
		return a.bearer(rest, now)
	}
	return Anonymous, ErrBadCredentials
}

// bearer tries an action token only after access tokens: those are known by a
// hash, the others only by their signature.
func (a *Authenticator) bearer(secret string, now time.Time) (Identity, error) {
	id, err := a.accessToken(secret, now)
	if err == nil {
		return id, nil
	}
	return a.ActionToken(secret, now)
}

// ActionToken is the identity of whoever holds an action token, wherever it
// stood: some links carry theirs in the path.
func (a *Authenticator) ActionToken(secret string, now time.Time) (Identity, error) {
	claims, err := a.keys.Open(secret, now)
	if err != nil {
		return Anonymous, fmt.Errorf("%w: %w", ErrBadCredentials, err)
	}
	return Identity{Action: &claims}, nil
}

func (a *Authenticator) accessToken(secret string, now time.Time) (Identity, error) {
	sum := sha256.Sum256([]byte(secret))
	t, ok := a.tokens[sum]
	if !ok || secret == "" {
		return Anonymous, ErrBadCredentials
	}
	if t.ExpiresAt != nil && !now.Before(*t.ExpiresAt) {
		return Anonymous, fmt.Errorf("%w: token %q expired", ErrBadCredentials, t.Name)
	}
	return Identity{Name: t.Name, Scope: t.Scope}, nil
}

// basicSecret returns the password, or the user name where the password is empty.
func basicSecret(encoded string) (string, bool) {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	user, password, ok := strings.Cut(string(raw), ":")
	if !ok {
		return "", false
	}
	if password == "" {
		password = user
	}
	return password, true
}

// HashMatches compares a bearer token with the hex SHA-256 it is known by, in
// constant time. An empty hash matches nothing.
func HashMatches(r *http.Request, wantHex string) bool {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if wantHex == "" || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	got := serverconfig.TokenHash(strings.TrimSpace(secret))
	return subtle.ConstantTimeCompare([]byte(got), []byte(strings.ToLower(wantHex))) == 1
}
