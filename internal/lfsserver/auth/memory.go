package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Memory is what outlives a configuration: who has been verified, and the keys of
// issuers. A configuration that says the same about its subject finds it again.
type Memory struct {
	mu      sync.Mutex
	jwt     *cache
	remotes map[string]*remoteKeys
	// kubernetes with what it was told, nil where it is not asked.
	kubernetes *kubernetes
}

// NewMemory knows nothing yet.
func NewMemory() *Memory { return &Memory{} }

// jwtCache is the one of verified JSON Web Tokens, empty when who is trusted, or
// for what, has changed.
func (m *Memory) jwtCache(s Setup) *cache {
	revision := revisionOf(s.Repository.UID, s.Access.JWT, s.IssuerFiles)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.jwt == nil || m.jwt.revision != revision {
		m.jwt = newCache(revision, maxCached)
	}
	return m.jwt
}

// kubernetesOf is whoever asks the API server, nil where ServiceAccounts are not
// let in.
func (m *Memory) kubernetesOf(s Setup) (*kubernetes, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Access.Kubernetes == nil {
		m.kubernetes = nil
		return nil, nil
	}
	if !strings.HasPrefix(s.Access.Kubernetes.Audience, serverconfig.AudiencePrefix) {
		return nil, fmt.Errorf("access.kubernetes.audience: must begin with %s: a token made for anything else opens more than LFSRepositories", serverconfig.AudiencePrefix)
	}
	revision := revisionOf(s.Repository.UID, []any{s.Access.Kubernetes, s.Repository.Namespace, s.Repository.Name, s.APIServer, s.KubernetesDir}, nil)
	if m.kubernetes == nil || m.kubernetes.revision != revision {
		m.kubernetes = newKubernetes(revision, s)
	}
	return m.kubernetes, nil
}

// revisionOf names everything that verdicts depend on.
func revisionOf(uid string, about any, files map[string]map[string][]byte) string {
	h := sha256.New()
	raw, _ := json.Marshal(about) // plain data
	fmt.Fprintf(h, "%s\n%s\n", uid, raw)
	for _, issuer := range slices.Sorted(maps.Keys(files)) {
		for _, name := range slices.Sorted(maps.Keys(files[issuer])) {
			sum := sha256.Sum256(files[issuer][name])
			fmt.Fprintf(h, "%s/%s %x\n", issuer, name, sum)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (m *Memory) remote(key string) *remoteKeys {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.remotes[key]
}

// keepRemotes forgets all others.
func (m *Memory) keepRemotes(in map[string]*remoteKeys) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, r := range m.remotes {
		if in[key] == nil {
			r.client.CloseIdleConnections()
		}
	}
	m.remotes = in
}

// Problems are what keeps identities from being verified, none while all is well.
func (a *Authenticator) Problems() []serverstatus.AccessProblem {
	var out []serverstatus.AccessProblem
	for _, i := range a.issuers {
		if p := i.keys.problem(); p != nil {
			p.Source = GrantorJWT(i.config.Name)
			out = append(out, *p)
		}
	}
	if a.kubernetes != nil {
		if p := a.kubernetes.problem(); p != nil {
			out = append(out, *p)
		}
	}
	return out
}

// Look asks those who have not answered (well) yet, so that a mistake shows
// before the first client meets it.
func (a *Authenticator) Look(ctx context.Context, now time.Time) {
	for _, i := range a.issuers {
		if r, ok := i.keys.(*remoteKeys); ok {
			_, _ = r.find(ctx, "", now)
		}
	}
	if a.kubernetes != nil {
		a.kubernetes.look(ctx)
	}
}

// Grantors are the parts of the configuration that let identities in, each with
// the most that it can give. See Identity.Grantor.
func Grantors(access serverconfig.Access) map[string]string {
	out := map[string]string{}
	for _, t := range access.Tokens {
		if by := GrantorToken(t.Name); serverconfig.Rank(t.Scope) > serverconfig.Rank(out[by]) {
			out[by] = t.Scope
		}
	}
	if access.Kubernetes != nil {
		out[GrantorKubernetes] = serverconfig.ScopeAdmin
	}
	for _, i := range access.JWT {
		by, most := GrantorJWT(i.Name), ""
		for _, r := range i.Rules {
			if serverconfig.Rank(r.Scope) > serverconfig.Rank(most) {
				most = r.Scope
			}
		}
		if most == "" {
			most = serverconfig.ScopeWrite // scopes in a token reach no further
		}
		out[by] = most
	}
	return out
}
