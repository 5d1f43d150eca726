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
	// Read, where set, may be read as well: what is to be adopted.
	Read *Source `json:"read,omitempty"`
	// KMSKey that objects are encrypted with, as a policy names it: see KMSKey.
	KMSKey string `json:"kmsKey,omitempty"`
}

// Source is a place that is not the ServiceAccount's own.
type Source struct {
	Bucket string `json:"bucket"`
	// Prefix of all keys, ending in "/".
	Prefix string `json:"prefix"`
}

// KMSKey names the key of AWS's KMS with that ID in policies: all keys, where it is
// no key's ARN. Only AWS asks for the permission; others refuse a policy that names it.
func KMSKey(roleARN, id string) string {
	switch {
	case !strings.HasPrefix(roleARN, "arn:aws"): // also aws-cn, aws-us-gov
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
	if g.Store == "" || g.ServiceAccount == "" {
		return fmt.Errorf("%w: store and serviceAccount are required", ErrBadGrant)
	}
	return g.Bound()
}

// Bound returns ErrBadGrant where the policies would mean more than the grant says, or
// are more than AWS takes.
func (g Grant) Bound() error {
	places := []Source{g.own()}
	if g.Read != nil {
		places = append(places, *g.Read)
	}
	for _, at := range places {
		switch {
		case at.Bucket == "":
			return fmt.Errorf("%w: bucket is required", ErrBadGrant)
		case !strings.HasSuffix(at.Prefix, "/") || strings.HasPrefix(at.Prefix, "/"):
			return fmt.Errorf("%w: prefix %q does not end in /", ErrBadGrant, at.Prefix)
		case strings.ContainsAny(at.Bucket+at.Prefix, wildcards):
			return fmt.Errorf("%w: in a policy, %q would stand for other prefixes too", ErrBadGrant, at.Prefix)
		}
	}
	switch {
	case g.KMSKey != "*" && strings.ContainsAny(g.KMSKey, wildcards):
		return fmt.Errorf("%w: kmsKey %q is not one key", ErrBadGrant, g.KMSKey)
	case len(g.OwnPolicy()) > maxPolicy:
		return fmt.Errorf("%w: the policy of its prefixes is too long", ErrBadGrant)
	}
	return nil
}

// maxPolicy is how many characters a session's policy may have (AWS Security Token
// Service API reference, "AssumeRole").
const maxPolicy = 2048

// wildcards of policies, and what begins a variable ("IAM JSON policy elements",
// AWS IAM user guide).
const wildcards = "*?$"

// Bindable is true for prefixes that a session can be bound to. A template is
// judged as a prefix is.
func Bindable(prefix string) bool { return !strings.ContainsAny(prefix, wildcards) }
