package auth

import "github.com/lfs-operator/lfs-operator/internal/lfsserver/token"

// Source is where an identity comes from. Names of different sources never meet:
// the source is part of the principal.
type Source string

// The sources of identities with a name.
const (
	// SourceToken: an access token. It is the zero value.
	SourceToken Source = ""
	// SourceServiceAccount: a ServiceAccount of the cluster.
	SourceServiceAccount Source = "serviceaccount"
	// SourceJWT: a JSON Web Token.
	SourceJWT Source = "jwt"
)

// Identity is who asks.
type Identity struct {
	Source Source
	// Name within the source, for logs: the access token's name, never the token;
	// {namespace}/{name} of a ServiceAccount; {issuer}#{sub} of a JSON Web Token,
	// where a static key's issuer is its name in the spec. Empty for anonymous.
	Name string
	// Scope is one of serverconfig's scopes, empty for anonymous, for bearers of
	// action tokens, and for those who were let in with less than a scope.
	Scope string
	// Grants allow some operations beside Scope, perhaps on some objects only.
	Grants []Grant
	// Entry is the entry of spec.access.jwt.issuers that let a JSON Web Token in.
	Entry string
	// Action is what an action token allows, nil without one.
	Action *token.Claims
}

// Grant allows operations on one object, or on all.
type Grant struct {
	// OID of the object, empty for all.
	OID string
	// Read allows to download, Write to upload, Verify to ask whether an object
	// is there.
	Read, Write, Verify bool
}

// Anonymous is whoever sent no credentials.
var Anonymous = Identity{}

// IsAnonymous is true when no credentials were sent.
func (i Identity) IsAnonymous() bool { return i.Name == "" && i.Scope == "" && i.Action == nil }

// Principal is the name for logs, locks and uploads.
func (i Identity) Principal() string {
	switch {
	case i.Action != nil:
		return "action-token"
	case i.Name == "":
		return "anonymous"
	case i.Source == SourceToken:
		return "token:" + i.Name
	}
	return string(i.Source) + ":" + i.Name
}

// Grantor names the part of the configuration that let the identity in, as
// action tokens remember it: whoever takes that part away takes with it what was
// handed out on its word.
func (i Identity) Grantor() string {
	switch i.Source {
	case SourceServiceAccount:
		return GrantorKubernetes
	case SourceJWT:
		return GrantorJWT(i.Entry)
	}
	if i.Name == "" {
		return ""
	}
	return GrantorToken(i.Name)
}

// GrantorKubernetes is access.kubernetes.
const GrantorKubernetes = "kubernetes"

// GrantorToken is the access token of that name, in any generation.
func GrantorToken(name string) string { return "token:" + name }

// GrantorJWT is the entry of access.jwt of that name.
func GrantorJWT(name string) string { return "jwt:" + name }
