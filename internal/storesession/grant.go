package storesession

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Grant says what a ServiceAccount may have of a store.
type Grant struct {
	// Store is the UID of the LFSStore.
	Store string `json:"store"`
	// ServiceAccount is namespace/name.
	ServiceAccount string `json:"serviceAccount"`
	Bucket         string `json:"bucket"`
	// Prefix of all keys, ending in "/".
	Prefix string `json:"prefix"`
	// CreateBucket lets the server make the bucket when it does not exist.
	CreateBucket bool `json:"createBucket,omitempty"`
	// KMSKey that objects are encrypted with, as a policy names it: see KMSKey.
	KMSKey string `json:"kmsKey,omitempty"`
}

// KMSKey names the key of AWS's KMS with that ID in policies: all keys, where it is
// no key's ARN. Only AWS asks for the permission, and its kind of STS has roles;
// others refuse a policy that names it.
func KMSKey(roleARN, id string) string {
	switch {
	case roleARN == "":
		return ""
	case strings.HasPrefix(id, "arn:") && strings.Contains(id, ":key/"):
		return id
	}
	return "*"
}

// Sign makes a grant that Verify takes: a JSON Web Signature (RFC 7515) by EdDSA
// (RFC 8037). The same grant gives the same bytes.
func Sign(g Grant, key ed25519.PrivateKey) (string, error) {
	if err := g.check(); err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, nil)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(g)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// Verify returns the grant, or ErrBadGrant.
func Verify(signed string, key ed25519.PublicKey) (Grant, error) {
	var g Grant
	jws, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return g, fmt.Errorf("%w: it cannot be read", ErrBadGrant)
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return g, fmt.Errorf("%w: its signature is not by this operator's key", ErrBadGrant)
	}
	if err := json.Unmarshal(payload, &g); err != nil {
		return g, fmt.Errorf("%w: it cannot be read", ErrBadGrant)
	}
	return g, g.check()
}

// check refuses what a policy could not be bound to: without a prefix it is the
// whole bucket, and with a wildcard it is more than its own.
func (g Grant) check() error {
	switch {
	case g.Bucket == "" || g.ServiceAccount == "" || g.Store == "":
		return fmt.Errorf("%w: store, serviceAccount and bucket are required", ErrBadGrant)
	case !strings.HasSuffix(g.Prefix, "/") || strings.HasPrefix(g.Prefix, "/"):
		return fmt.Errorf("%w: prefix %q does not end in /", ErrBadGrant, g.Prefix)
	case g.KMSKey != "*" && strings.ContainsAny(g.KMSKey, wildcards):
		return fmt.Errorf("%w: kmsKey %q is not one key", ErrBadGrant, g.KMSKey)
	case strings.ContainsAny(g.Bucket+g.Prefix, wildcards):
		return fmt.Errorf("%w: in a policy, %q would stand for other prefixes too", ErrBadGrant, g.Prefix)
	}
	return nil
}

// wildcards of policies, and what begins a variable ("IAM JSON policy elements",
// AWS IAM user guide).
const wildcards = "*?$"

// Bindable is true for prefixes that a session can be bound to. A template is
// judged as a prefix is.
func Bindable(prefix string) bool { return !strings.ContainsAny(prefix, wildcards) }
