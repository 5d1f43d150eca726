package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

const (
	// leeway for clocks that differ.
	leeway = time.Minute
	// maxSubject is what OpenID Connect allows (Core 1.0, section 2), in bytes.
	maxSubject = 255
	// jwtFresh is how long a verified token is not verified again.
	jwtFresh = time.Minute
	// maxCached tokens of one source.
	maxCached = 2048
)

// claims of a token that are looked at by name.
type claims struct {
	jwt.Claims
	Scopes scopeList `json:"scopes"`
}

// errClaims is about a token whose signature is good.
func errClaims(format string, args ...any) error {
	return fmt.Errorf("%w: JSON Web Token: %w", ErrBadCredentials, fmt.Errorf(format, args...))
}

// errSignature says no more than that: which of the keys were tried is nobody's
// business.
var errSignature = fmt.Errorf("%w: no trusted key has signed this JSON Web Token", ErrBadCredentials)

// webToken finds out whose a JSON Web Token is.
func (a *Authenticator) webToken(ctx context.Context, secret string, now time.Time) (Identity, error) {
	if e, ok := a.verified.get(secret, now); ok {
		return e.id, e.err
	}
	t, err := jwt.ParseSigned(secret, allAlgorithms)
	var peek claims
	if err != nil || len(t.Headers) != 1 || t.UnsafeClaimsWithoutVerification(&peek) != nil {
		return Anonymous, errSignature
	}
	if a.kubernetes.takes(&peek) && a.issuerOf(peek.Issuer) == nil {
		return a.kubernetes.identify(ctx, secret, &peek, now)
	}
	id, c, err := a.byIssuers(ctx, t, peek.Issuer, now)
	if err != nil {
		return Anonymous, err
	}
	until := earliest(now.Add(jwtFresh), c.Expiry.Time().Add(leeway))
	a.verified.put(secret, cached{id: id, fresh: until, usable: until}, now)
	return id, nil
}

// byIssuers asks the issuer that the token names, or else those that are known
// by their keys alone.
func (a *Authenticator) byIssuers(ctx context.Context, t *jwt.JSONWebToken, iss string, now time.Time) (Identity, *claims, error) {
	if i := a.issuerOf(iss); i != nil {
		return a.verify(ctx, i, t, now)
	}
	err := errSignature
	for _, i := range a.issuers {
		if i.config.URL != "" {
			continue
		}
		id, c, e := a.verify(ctx, i, t, now)
		if e == nil {
			return id, c, nil
		}
		if !errors.Is(e, errSignature) {
			err = e // more telling than that other keys do not fit
		}
	}
	return Anonymous, nil, err
}

// issuerOf is the OpenID Connect issuer of that name, nil where it is not trusted.
func (a *Authenticator) issuerOf(iss string) *issuer {
	for _, i := range a.issuers {
		if i.config.URL != "" && i.config.URL == iss {
			return i
		}
	}
	return nil
}

// verify checks signature and claims.
func (a *Authenticator) verify(ctx context.Context, i *issuer, t *jwt.JSONWebToken, now time.Time) (Identity, *claims, error) {
	header := t.Headers[0]
	keys, err := i.keys.find(ctx, header.KeyID, now)
	if err != nil {
		return Anonymous, nil, err
	}
	var c claims
	var all map[string]any
	if !slices.ContainsFunc(keys, func(k verificationKey) bool {
		return slices.Contains(k.algorithms, jose.SignatureAlgorithm(header.Algorithm)) && t.Claims(k.key, &c, &all) == nil
	}) {
		return Anonymous, nil, errSignature
	}
	if err := i.check(&c, now); err != nil {
		return Anonymous, nil, err
	}
	return i.identity(&c, all, a.repository), &c, nil
}

// check looks at the registered claims (RFC 7519, section 4.1).
func (i *issuer) check(c *claims, now time.Time) error {
	if c.Expiry == nil {
		return errClaims("it has no end; the claim exp is required")
	}
	if err := c.ValidateWithLeeway(jwt.Expected{Time: now}, leeway); err != nil {
		return errClaims("%w", err)
	}
	named := slices.ContainsFunc(i.config.Audiences, func(a string) bool { return slices.Contains(c.Audience, a) })
	if !named && (i.config.AudienceRequired || len(c.Audience) > 0) {
		return errClaims("it is for another audience; want %q", i.config.Audiences)
	}
	if len(c.Subject) > maxSubject || slices.ContainsFunc([]rune(c.Subject), unicode.IsControl) {
		return errClaims("its subject is too long, or holds control characters")
	}
	if i.config.URL != "" && c.Subject == "" {
		return errClaims("it has no subject")
	}
	return nil
}

// identity is what the claims amount to: by the issuer's rules, or without any
// by the token's own scopes.
func (i *issuer) identity(c *claims, all map[string]any, repo serverconfig.Repository) Identity {
	name := i.config.Name
	if i.config.URL != "" {
		name = i.config.URL
	}
	id := Identity{Source: SourceJWT, Name: name + "#" + c.Subject, Entry: i.config.Name}
	if len(i.config.Rules) > 0 {
		id.Scope = scopeOf(i.config.Rules, all)
	} else {
		id.Grants = grantsOf(c.Scopes, repo)
	}
	return id
}
