package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Access says who may do what.
type Access struct {
	// anonymousRead lets everybody download without credentials.
	// +optional
	AnonymousRead bool `json:"anonymousRead,omitempty"`
	// tokens are named access tokens beside the one called "default", each in a
	// Secret of its own, "{repository}-lfs-token-{name}".
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Tokens []AccessToken `json:"tokens,omitempty"`
	// kubernetes lets ServiceAccount tokens in, sent as password or as Bearer.
	// +optional
	Kubernetes *KubernetesAccess `json:"kubernetes,omitempty"`
	// jwt lets signed JSON Web Tokens in, sent as password, as Bearer, or in the
	// query as "jwt".
	// +optional
	JWT *JWTAccess `json:"jwt,omitempty"`
}

// AccessToken is a named token with a scope and, if wanted, an end.
type AccessToken struct {
	// name of the token, unique in the list.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')`,message="must be lower-case letters, digits and -, beginning and ending with a letter or digit, for example main"
	// +kubebuilder:validation:XValidation:rule=`self != 'default'`,message="must not be default, the name of the token that every LFSRepository has: choose another"
	Name string `json:"name,omitempty"`
	// scope of the token. Read: download and list locks. Write: also upload,
	// lock and unlock, others' locks by force. Admin: also ask for garbage
	// collection.
	// +required
	Scope TokenScope `json:"scope,omitempty"`
	// expiresAt ends the token.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}

// TokenScope says what a token opens.
// +kubebuilder:validation:Enum=Read;Write;Admin
type TokenScope string

// The scopes of tokens, each including those before it.
const (
	ScopeRead  TokenScope = "Read"
	ScopeWrite TokenScope = "Write"
	ScopeAdmin TokenScope = "Admin"
)

// KubernetesAccess lets ServiceAccount tokens in. The API server says whose a
// token is (TokenReview) and what they may do (SubjectAccessReview): the verbs
// pull, push and admin on the LFSRepository are the scopes Read, Write and Admin.
type KubernetesAccess struct {
	// audience that tokens must be made for, and for no other. Left out:
	// lfs-operator.dev/{namespace}/{name} of the LFSRepository. One that several
	// repositories share lets a token open them all.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`self.matches('^lfs-operator[.]dev/[^[:cntrl:] ]+$')`,message="must begin with lfs-operator.dev/, so that a token made for it opens LFSRepositories and nothing else: leave it out for lfs-operator.dev/{namespace}/{name}"
	Audience string `json:"audience,omitempty"`
}

// JWTAccess lets signed JSON Web Tokens in.
type JWTAccess struct {
	// issuers that are trusted.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Issuers []JWTIssuer `json:"issuers,omitempty"`
}

// JWTIssuer is a source of trusted JSON Web Tokens.
//
// +kubebuilder:validation:ExactlyOneOf=url;keySecretRef
// +kubebuilder:validation:XValidation:rule=`!has(self.caSecretRef) || has(self.url)`,fieldPath=.caSecretRef,message="must be left out where keySecretRef is set: it is for the server of an OpenID Connect issuer"
type JWTIssuer struct {
	// name of the entry, unique in the list.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')`,message="must be lower-case letters, digits and -, beginning and ending with a letter or digit, for example main"
	Name string `json:"name,omitempty"`
	// url of an OpenID Connect issuer. Excludes keySecretRef.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?(/[^ ?#[:cntrl:]]*)?$')`,message="must be the https:// URL of an OpenID Connect issuer, without query or credentials, for example https://issuer.example.com"
	URL string `json:"url,omitempty"`
	// caSecretRef names a Secret with the certificate authority of the issuer's
	// server, in its key ca.crt. The system's are trusted too. Only with url.
	// +optional
	CASecretRef *LocalReference `json:"caSecretRef,omitempty"`
	// keySecretRef names a Secret with static keys, in its keys public.pem (public
	// keys or certificates), jwks.json (a JSON Web Key Set) and hmac (a shared
	// secret, byte for byte, at least 32 bytes). Excludes url.
	// +optional
	KeySecretRef *LocalReference `json:"keySecretRef,omitempty"`
	// audiences of which a token must name one. Left out:
	// lfs-operator.dev/{namespace}/{name} of the LFSRepository; a token that is
	// signed with a static key may then name none at all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Audiences []string `json:"audiences,omitempty"`
	// rules give a scope to tokens by their claims. Of several that match the
	// highest scope counts. Left out: the token's own claim "scopes" decides, in
	// the form obj:{namespace}/{name}/{oid}:{read,write,verify}.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Rules []JWTRule `json:"rules,omitempty"`
}

// JWTRule gives a scope to tokens whose claims all match.
type JWTRule struct {
	// scope of the tokens.
	// +required
	Scope TokenScope `json:"scope,omitempty"`
	// claims that a token must have, all of them.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Claims []JWTClaim `json:"claims,omitempty"`
}

// JWTClaim matches a claim of a token.
type JWTClaim struct {
	// name of the claim, for example sub.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`
	// values of which the claim must have one; of a claim that is a list, one
	// element must. An asterisk stands for any characters, also for none.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Values []string `json:"values,omitempty"`
}
