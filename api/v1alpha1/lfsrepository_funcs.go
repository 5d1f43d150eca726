package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GetConditions returns the conditions of the status.
func (r *LFSRepository) GetConditions() []metav1.Condition { return r.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (r *LFSRepository) SetConditions(conditions []metav1.Condition) {
	r.Status.Conditions = conditions
}

// Audience that tokens for this repository and no other are made for.
func (r *LFSRepository) Audience() string {
	return AudiencePrefix + r.Namespace + "/" + r.Name
}

// jwtSecrets is true where an issuer needs a Secret of the tenant's.
func (a *Access) jwtSecrets() bool {
	return a != nil && a.JWT != nil && slices.ContainsFunc(a.JWT.Issuers, func(i JWTIssuer) bool { return i.SecretRef() != nil })
}

// SecretRef is the one Secret of an issuer: its keys, or the certificate authority
// of the server that has them; nil without.
func (i *JWTIssuer) SecretRef() *LocalReference {
	if i.URL == "" {
		return i.KeySecretRef
	}
	return i.CASecretRef
}

// AdmitsServiceAccounts is true where ServiceAccount tokens are let in.
func (s *LFSRepositorySpec) AdmitsServiceAccounts() bool {
	return s.Access != nil && s.Access.Kubernetes != nil
}

// inPlacePrefix is the prefix of another repository that this one takes over, empty
// for none.
func (s *LFSRepositorySpec) inPlacePrefix() string {
	if s.AdoptFrom == nil || s.AdoptFrom.Method != AdoptInPlace {
		return ""
	}
	return s.AdoptFrom.Prefix
}

// OwnPrefix is the prefix of a repository with storage of its own.
func (r *LFSRepository) OwnPrefix() string {
	return orElse(orElse(r.Spec.inPlacePrefix(), r.Spec.Prefix), Expand(DefaultPrefixTemplate, r.Namespace, r.Name, r.UID))
}

// UnsupportedField is a field of a spec that this version of the operator takes
// but does not bring to life.
//
// +kubebuilder:object:generate=false
// +kubebuilder:ac:generate=false
type UnsupportedField struct {
	// Path of the field, as in "spec.access.jwt".
	Path string
	// Blocking is true where nothing can be served without the field's meaning.
	// Otherwise the repository is served as if the field were left out.
	Blocking bool
	// Remedy says what to write instead.
	Remedy string
}

// UnsupportedFields lists the fields that are set and not supported, blocking
// ones first. It is a list of one decision after the other: whoever brings a
// field to life deletes its line, and the one of the docs.
func (s *LFSRepositorySpec) UnsupportedFields() []UnsupportedField {
	var out []UnsupportedField
	check := func(set, blocking bool, path, remedy string) {
		if set {
			out = append(out, UnsupportedField{Path: path, Blocking: blocking, Remedy: remedy})
		}
	}
	const without = "the repository works as if it were left out"

	check(s.Storage == nil && s.Access.jwtSecrets(), false, "spec.access.jwt.issuers[].keySecretRef and caSecretRef",
		"such issuers are not trusted, because the server of an LFSStore's repository runs where these Secrets are not; name an issuer by url alone")
	if e := s.Exposure; e != nil && s.Storage == nil {
		const asked = without + "; the administrator says in the LFSStore how its servers are reached"
		check(e.HTTPRoute != nil, false, "spec.exposure.httpRoute", asked)
		check(e.Ingress != nil, false, "spec.exposure.ingress", asked)
	}
	return out
}
