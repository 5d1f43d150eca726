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
	// kubernetes lets ServiceAccount tokens in.
	// +optional
	Kubernetes *KubernetesAccess `json:"kubernetes,omitempty"`
	// jwt lets signed JSON Web Tokens in.
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

// KubernetesAccess lets ServiceAccount tokens in, decided by TokenReview and
// SubjectAccessReview.
type KubernetesAccess struct {
	// audience that the tokens must be made for.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
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
	// keySecretRef names a Secret with a static key. Excludes url.
	// +optional
	KeySecretRef *LocalReference `json:"keySecretRef,omitempty"`
	// audiences of which a token must name one.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Audiences []string `json:"audiences,omitempty"`
}
