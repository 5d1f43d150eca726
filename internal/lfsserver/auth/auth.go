// Package auth finds out who asks. It yields an identity and decides nothing:
// what an identity may do is package policy's.
//
// There are four sources of identities: access tokens, known by their hashes;
// ServiceAccount tokens, which the API server is asked about (kubernetes.go);
// JSON Web Tokens, verified by keys of the repository's own or of an OpenID
// Connect issuer (jwt.go); and action tokens, which this server itself signed.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
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

// UnavailableError: whoever would know whether credentials are good does not
// answer. They may well be.
type UnavailableError struct {
	// Who does not answer, for people.
	Who string
	Err error
}

// Error implements error.
func (e *UnavailableError) Error() string { return e.Who + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Authenticator knows the identities of one repository. It is immutable but for
// what it keeps in Memory; a new configuration makes a new one.
type Authenticator struct {
	tokens     map[[sha256.Size]byte]serverconfig.Token
	keys       *token.Keyring
	repository serverconfig.Repository
	kubernetes *kubernetes // nil where ServiceAccounts are not let in
	issuers    []*issuer
	verified   *cache
}

// Setup is what an Authenticator is made of.
type Setup struct {
	Repository serverconfig.Repository
	Access     serverconfig.Access
	// Keys open action tokens.
	Keys *token.Keyring
	// IssuerFiles are the mounted files of each JWT issuer, by its name and their own.
	IssuerFiles map[string]map[string][]byte
	// APIServer is the URL of the Kubernetes API server; KubernetesDir holds what
	// is needed to ask it.
	APIServer, KubernetesDir string
	// Memory outlives the configuration.
	Memory *Memory
}

// New makes an Authenticator. It fails for a configuration that the operator
// would not render; a missing Secret is reported (Sources) and fails nobody else.
func New(s Setup) (*Authenticator, error) {
	a := &Authenticator{
		tokens: make(map[[sha256.Size]byte]serverconfig.Token, len(s.Access.Tokens)), keys: s.Keys,
		repository: s.Repository,
	}
	for _, t := range s.Access.Tokens {
		sum, err := hex.DecodeString(t.SHA256)
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("access.tokens[%s].sha256: want 64 hex digits", t.Name)
		}
		if serverconfig.Rank(t.Scope) == 0 {
			return nil, fmt.Errorf("access.tokens[%s].scope: unknown scope %q", t.Name, t.Scope)
		}
		a.tokens[[sha256.Size]byte(sum)] = t
	}
	var err error
	if a.issuers, err = newIssuers(s); err != nil {
		return nil, err
	}
	a.verified = s.Memory.jwtCache(s)
	if a.kubernetes, err = s.Memory.kubernetesOf(s); err != nil {
		return nil, err
	}
	return a, nil
}

// Authenticate reads the Authorization header: "Basic" with the secret as
// password (any user name; or as user name with no password), or "Bearer". The
// secret is an access token, a JSON Web Token or, only as Bearer, an action
// token. No header is Anonymous. Errors are ErrBadCredentials and
// *UnavailableError.
func (a *Authenticator) Authenticate(r *http.Request, now time.Time) (Identity, error) {
	secret, bearer, err := secretOf(r.Header.Get("Authorization"))
	switch {
	case err != nil:
		return Anonymous, err
	case secret == nil:
		return Anonymous, nil
	}
	id, err := a.accessToken(*secret, now)
	switch {
	case err == nil || errors.Is(err, errExpired):
		return id, err
	case isJWT(*secret):
		return a.JWT(r.Context(), *secret, now)
	case bearer:
		return a.ActionToken(*secret, now)
	}
	return id, err
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

// JWT is the identity of whoever holds a JSON Web Token.
func (a *Authenticator) JWT(ctx context.Context, secret string, now time.Time) (Identity, error) {
	if !isJWT(secret) {
		return Anonymous, ErrBadCredentials
	}
	return a.webToken(ctx, secret, now)
}

// errExpired: an access token that is known, and whose time is over.
var errExpired = errors.New("expired")

func (a *Authenticator) accessToken(secret string, now time.Time) (Identity, error) {
	sum := sha256.Sum256([]byte(secret))
	t, ok := a.tokens[sum]
	if !ok || secret == "" {
		return Anonymous, ErrBadCredentials
	}
	if t.ExpiresAt != nil && !now.Before(*t.ExpiresAt) {
		return Anonymous, fmt.Errorf("%w: token %q: %w", ErrBadCredentials, t.Name, errExpired)
	}
	return Identity{Name: t.Name, Scope: t.Scope}, nil
}

// BearerHash is the hash by which the configuration knows a bearer token
// (serverconfig.TokenHash); empty where there is none.
func BearerHash(r *http.Request) string {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return serverconfig.TokenHash(strings.TrimSpace(secret))
}

// HashMatches compares a bearer token with the hex SHA-256 it is known by.
func HashMatches(r *http.Request, wantHex string) bool { return SameHash(BearerHash(r), wantHex) }

// SameHash compares in constant time. An empty hash matches nothing.
func SameHash(got, wantHex string) bool {
	return got != "" && wantHex != "" && subtle.ConstantTimeCompare([]byte(got), []byte(strings.ToLower(wantHex))) == 1
}
