package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

const (
	// keysFresh is how long fetched keys are used before they are fetched again:
	// an issuer that takes a key away is heeded after that.
	keysFresh = 15 * time.Minute
	// keysUsable is how long they are used while the issuer does not answer.
	keysUsable = 24 * time.Hour
	// fetchGap is the least time between two fetches: tokens with made-up key IDs
	// must not become requests to the issuer.
	fetchGap = 10 * time.Second
	// fetchTimeout of one fetch, discovery and keys together.
	fetchTimeout = 5 * time.Second
	// maxDocument bounds what is read of an issuer, in bytes.
	maxDocument = 1 << 20
)

// remoteKeys are those of an OpenID Connect issuer: found by discovery (OpenID
// Connect Discovery 1.0, section 4), fetched when a token needs them.
type remoteKeys struct {
	url    string
	client *http.Client
	flight singleflight.Group

	mu      sync.Mutex
	keys    []verificationKey
	fetched time.Time // keys
	tried   time.Time
	err     error // of the last try
}

// newRemoteKeys trusts the system's certificate authorities and those given.
func newRemoteKeys(url string, ca []byte) *remoteKeys {
	return &remoteKeys{url: url, client: httpsClient(ca, true)}
}

// httpsClient talks to one server now and then. It follows no redirect: an
// issuer's documents lie where it says.
func httpsClient(ca []byte, system bool) *http.Client {
	roots := x509.NewCertPool()
	if system {
		if pool, err := x509.SystemCertPool(); err == nil {
			roots = pool
		}
	}
	roots.AppendCertsFromPEM(ca)
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// find implements keySource.
func (r *remoteKeys) find(ctx context.Context, kid string, now time.Time) ([]verificationKey, error) {
	keys, due := r.known(kid, now)
	if !due {
		return r.verdict(keys, now)
	}
	// One fetch serves all that wait for it, also when the first of them leaves.
	_, _, _ = r.flight.Do("", func() (any, error) {
		if _, due := r.known(kid, now); due {
			r.fetch(context.WithoutCancel(ctx), now)
		}
		return nil, nil
	})
	keys, _ = r.known(kid, now)
	return r.verdict(keys, now)
}

// known returns the keys at hand, and whether it is time to fetch.
func (r *remoteKeys) known(kid string, now time.Time) (keys []verificationKey, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.fetched) < keysUsable {
		keys = ofID(r.keys, kid)
	}
	enough := len(keys) > 0 && now.Sub(r.fetched) < keysFresh
	return keys, !enough && now.Sub(r.tried) >= fetchGap
}

// verdict tells "no such key" from "could not look".
func (r *remoteKeys) verdict(keys []verificationKey, now time.Time) ([]verificationKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(keys) == 0 && (r.err != nil || now.Sub(r.fetched) >= keysUsable) {
		return nil, &UnavailableError{Who: "the issuer of this token", Err: errors.Join(r.err, errors.New("no keys"))}
	}
	return keys, nil
}

func (r *remoteKeys) fetch(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	keys, err := r.ask(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried, r.err = now, err
	if err == nil {
		r.keys, r.fetched = keys, now
	}
}

func (r *remoteKeys) ask(ctx context.Context) ([]verificationKey, error) {
	b, err := r.get(ctx, strings.TrimSuffix(r.url, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	var doc struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, errors.New("discovery: the answer is no OpenID Connect configuration")
	}
	if doc.Issuer != r.url {
		return nil, errors.New("discovery: the issuer there has another name; spec.access.jwt must have it letter by letter")
	}
	if !strings.HasPrefix(doc.JWKSURI, "https://") {
		return nil, errors.New("discovery: jwks_uri is no https:// URL")
	}
	if b, err = r.get(ctx, doc.JWKSURI); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return parseJWKS(b, false)
}

// get reads a document. Of what an issuer answers nothing goes into an error: it
// was fetched from where a tenant said.
func (r *remoteKeys) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err == nil && len(b) > maxDocument {
		err = errors.New("the answer is too large")
	}
	return b, err
}

// problem implements keySource.
func (r *remoteKeys) problem() *serverstatus.AccessProblem {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		return nil
	}
	return &serverstatus.AccessProblem{Reason: serverstatus.ReasonIssuerUnreachable, Message: fmt.Sprintf(
		"The keys of issuer %s cannot be fetched: %v. Tokens of keys that are known go on working for a day.", r.url, r.err)}
}
