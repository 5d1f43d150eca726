package serverconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// Scopes of a token, each including those before it.
const (
	ScopeRead  = "Read"
	ScopeWrite = "Write"
	ScopeAdmin = "Admin"
)

// Rank orders the scopes: each includes those of a lower rank. What is no scope
// has rank 0.
func Rank(scope string) int {
	return slices.Index([]string{ScopeRead, ScopeWrite, ScopeAdmin}, scope) + 1
}

// Access says who may do what.
type Access struct {
	AnonymousRead bool    `json:"anonymousRead,omitempty"`
	Tokens        []Token `json:"tokens,omitempty"`
	// Kubernetes lets ServiceAccount tokens in, where set.
	Kubernetes *KubernetesAccess `json:"kubernetes,omitempty"`
	// JWT are the trusted issuers of JSON Web Tokens.
	JWT []JWTIssuer `json:"jwt,omitempty"`
}

// AudiencePrefix begins the audiences of ServiceAccount tokens: they open
// LFSRepositories and nothing else.
const AudiencePrefix = "lfs-operator.dev/"

// KubernetesAccess lets ServiceAccount tokens in that were made for one audience.
type KubernetesAccess struct {
	// Audience begins with AudiencePrefix.
	Audience string `json:"audience"`
}

// JWTIssuer is a trusted source of JSON Web Tokens: an OpenID Connect issuer, or
// static keys, which lie in JWTDir/{Name}.
type JWTIssuer struct {
	Name string `json:"name"`
	// URL of an OpenID Connect issuer, empty for static keys.
	URL string `json:"url,omitempty"`
	// SecretName of the static keys or of the CA, for messages.
	SecretName string `json:"secretName,omitempty"`
	// CA is true when the certificate authority in JWTDir/{Name} is to be trusted.
	CA bool `json:"ca,omitempty"`
	// Audiences of which a token must name one.
	Audiences []string `json:"audiences"`
	// AudienceRequired refuses tokens that name none at all.
	AudienceRequired bool `json:"audienceRequired,omitempty"`
	// Rules give scopes by claims. Without any, a token's own scopes count.
	Rules []JWTRule `json:"rules,omitempty"`
}

// JWTRule gives a scope to tokens that match all Claims.
type JWTRule struct {
	Scope  string     `json:"scope"`
	Claims []JWTClaim `json:"claims"`
}

// JWTClaim matches a claim that has one of the values; "*" in a value stands for
// any characters.
type JWTClaim struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Token is an access token, known by its hash.
type Token struct {
	Name  string `json:"name"`
	Scope string `json:"scope"`
	// SHA256 of the token, hex. Tokens are 256 random bits, so a plain hash
	// cannot be searched.
	SHA256 string `json:"sha256"`
	// ExpiresAt ends the token; also set on old generations during a rotation.
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
}

// TokenHash is how a token is named in the configuration.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
