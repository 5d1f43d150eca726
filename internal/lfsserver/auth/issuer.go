package auth

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// issuer is an entry of access.jwt.
type issuer struct {
	config serverconfig.JWTIssuer
	keys   keySource
}

// keySource yields the keys that a token may be verified with.
type keySource interface {
	// find returns the keys of an ID, or all where the token names none. None at
	// all: no such key is trusted. The error is an *UnavailableError.
	find(ctx context.Context, kid string, now time.Time) ([]verificationKey, error)
	// problem says why tokens cannot be verified, nil while they can.
	problem() *serverstatus.AccessProblem
}

func newIssuers(s Setup) ([]*issuer, error) {
	remotes := map[string]*remoteKeys{}
	var out []*issuer
	for _, c := range s.Access.JWT {
		if c.Name == "" || len(c.Audiences) == 0 {
			return nil, fmt.Errorf("access.jwt[%s]: name and audiences are required", c.Name)
		}
		for _, r := range c.Rules {
			if serverconfig.Rank(r.Scope) == 0 {
				return nil, fmt.Errorf("access.jwt[%s].rules: unknown scope %q", c.Name, r.Scope)
			}
		}
		i := &issuer{config: c}
		files := s.IssuerFiles[c.Name]
		if c.URL == "" {
			i.keys = newStatic(c, files, s.Repository.Namespace)
			out = append(out, i)
			continue
		}
		ca := files[serverconfig.JWTKeyCA]
		if c.CA && !x509.NewCertPool().AppendCertsFromPEM(ca) {
			i.keys = &static{missing: missingCA(c, s.Repository.Namespace)}
			out = append(out, i)
			continue
		}
		sum := sha256.Sum256(ca)
		key := c.URL + " " + hex.EncodeToString(sum[:])
		r := s.Memory.remote(key)
		if r == nil {
			r = newRemoteKeys(c.URL, ca)
		}
		remotes[key], i.keys = r, r
		out = append(out, i)
	}
	s.Memory.keepRemotes(remotes)
	return out, nil
}

// static keys lie in a mounted Secret, or are missing there.
type static struct {
	keys    []verificationKey
	missing *serverstatus.AccessProblem
}

func newStatic(c serverconfig.JWTIssuer, files map[string][]byte, namespace string) *static {
	keys, err := staticKeys(files)
	switch {
	case err != nil:
		return &static{missing: &serverstatus.AccessProblem{Reason: serverstatus.ReasonJWTKeysInvalid, Message: fmt.Sprintf(
			"JWT issuer %q: Secret %q in namespace %q: %v.", c.Name, c.SecretName, namespace, err)}}
	case len(keys) == 0:
		return &static{missing: &serverstatus.AccessProblem{Reason: serverstatus.ReasonJWTKeysMissing, Message: fmt.Sprintf(
			"JWT issuer %q: Secret %q in namespace %q does not exist, or has none of the keys %s, %s and %s. Create it; the server sees it within a minute or two.",
			c.Name, c.SecretName, namespace, serverconfig.JWTKeyPEM, serverconfig.JWTKeyJWKS, serverconfig.JWTKeyHMAC)}}
	}
	return &static{keys: keys}
}

func missingCA(c serverconfig.JWTIssuer, namespace string) *serverstatus.AccessProblem {
	return &serverstatus.AccessProblem{Reason: serverstatus.ReasonJWTKeysMissing, Message: fmt.Sprintf(
		"JWT issuer %q: Secret %q in namespace %q does not exist, or its key %s holds no certificate in PEM form. Create it; the server sees it within a minute or two.",
		c.Name, c.SecretName, namespace, serverconfig.JWTKeyCA)}
}

// find implements keySource. Whether a token is good cannot be said without the
// keys, and it may be: the Secret is on its way.
func (s *static) find(_ context.Context, kid string, _ time.Time) ([]verificationKey, error) {
	if s.missing != nil {
		return nil, &UnavailableError{Who: "the keys of JSON Web Tokens", Err: fmt.Errorf("%s", s.missing.Reason)}
	}
	return ofID(s.keys, kid), nil
}

// problem implements keySource.
func (s *static) problem() *serverstatus.AccessProblem { return s.missing }

// ofID returns the keys that a token with this kid may be verified with.
func ofID(keys []verificationKey, kid string) []verificationKey {
	var out []verificationKey
	for _, k := range keys {
		if k.id == "" || kid == "" || k.id == kid {
			out = append(out, k)
		}
	}
	return out
}
