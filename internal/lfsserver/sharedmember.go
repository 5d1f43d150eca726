package lfsserver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/pause"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// repositoryLabel is on every metric of a repository that shares its server.
const repositoryLabel = "repository"

// member is one repository of a Shared.
type member struct {
	repository serverconfig.Repository
	digest     [sha256.Size]byte
	// server is nil where there never was a configuration that could be used: then
	// refused says why, and status who may hear it.
	server          *Server
	refused, status string
	api, admin      http.Handler
	registry        *prometheus.Registry

	// running requests. life ends when they have had their time.
	running atomic.Int64
	life    context.Context
	cut     context.CancelFunc
	chores  sync.WaitGroup
	// gone: nothing of it runs any more.
	gone atomic.Bool
}

// newMember makes one and begins its chores.
func (s *Shared) newMember(f *files) *member {
	m := &member{digest: f.digest}
	m.life, m.cut = context.WithCancel(context.Background())
	cfg, err := serverconfig.Parse(f.config)
	if err == nil {
		m.repository, m.status = cfg.Repository, cfg.StatusTokenHash
		m.registry = prometheus.NewRegistry()
		o := s.options
		o.Logger = o.Logger.With("repository", m.repository.Namespace+"/"+m.repository.Name)
		reg := prometheus.WrapRegistererWith(prometheus.Labels{repositoryLabel: m.repository.Namespace + "/" + m.repository.Name}, m.registry)
		m.server, err = newServer(s.process, o, reg, f)
	}
	if err != nil {
		m.server, m.refused = nil, err.Error()
		return m
	}
	m.api, m.admin = m.server.apiHandler(), m.server.adminHandler()
	for _, chore := range m.server.chores() {
		m.chores.Go(func() { chore(m.life) })
	}
	return m
}

// name is that of the repository in paths.
func (m *member) name() string { return m.repository.Namespace + "/" + m.repository.Name }

// knows is true for the hash of a token that opens the admin port for the member.
func (m *member) knows(hash string) bool {
	if m.gone.Load() {
		return false
	}
	if m.server == nil {
		return auth.SameHash(hash, m.status)
	}
	cfg := m.server.current.Load().config
	return auth.SameHash(hash, cfg.StatusTokenHash) || auth.SameHash(hash, cfg.ScanTokenHash)
}

// serve passes a request on. It ends with the member at the latest.
func (m *member) serve(h http.Handler, w http.ResponseWriter, r *http.Request) {
	m.running.Add(1)
	defer m.running.Add(-1)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(m.life, cancel)()
	h.ServeHTTP(w, r.WithContext(ctx))
}

// idle waits for the requests that run.
func (m *member) idle(ctx context.Context) error {
	for m.running.Load() > 0 {
		if err := pause.For(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// end stops whatever still runs.
func (m *member) end() {
	m.cut()
	m.chores.Wait()
	m.gone.Store(true)
}

// retire ends a repository that is no longer to be served here, without losing a
// push, as the end of a process does. Afterwards its clients, on connections
// that they have kept, are told to come back by another one: that leads wherever the
// repository is served now.
func (s *Shared) retire(m *member) {
	if err := drain(&s.options, []*Server{m.server}, m.idle); err != nil {
		s.log.Warn("requests were still running after the drain timeout", "repository", m.name())
	}
	m.end()
	time.AfterFunc(idleTimeout, func() {
		s.mu.Lock()
		s.retired = slices.DeleteFunc(s.retired, func(other *member) bool { return other == m })
		s.mu.Unlock()
		s.publish()
	})
}

// statusOfRefused tells the operator why there is no server.
func (s *Shared) statusOfRefused(m *member) *serverstatus.Status {
	return &serverstatus.Status{
		Version: s.options.Version, Config: serverstatus.Config{Error: m.refused},
		Store: serverstatus.Store{Reason: serverstatus.ReasonChecking, Message: "The server has no configuration that it could use.", CheckedAt: s.options.Now()},
	}
}

// table finds members.
type table struct {
	byName map[string]*member
	all    []*member
}

// find returns the member that a path is about, nil for none. What stands before
// the repository may also be a repository's namespace: then the routes decide.
func (t *table) find(path string) *member {
	var first *member
	for _, rest := range beginnings(strings.TrimPrefix(path, "/")) {
		namespace, rest, _ := strings.Cut(rest, "/")
		name, _, _ := strings.Cut(rest, "/")
		m := t.byName[namespace+"/"+strings.TrimSuffix(name, ".git")]
		if m == nil {
			continue
		}
		if rt, _ := find(path, m.repository); rt != nil {
			return m
		}
		first = cmp.Or(first, m)
	}
	return first
}

// beginnings are the ways to read a path: with and without what clients of hubs put
// before a repository (locate).
func beginnings(path string) []string {
	ways := []string{path}
	if after, ok := strings.CutPrefix(path, apiPrefix[1:]+"/"); ok {
		ways = append(ways, strings.TrimPrefix(after, "/"))
	}
	for _, way := range ways {
		if kind, after, ok := strings.Cut(way, "/"); ok && slices.Contains(kinds, kind) {
			ways = append(ways, after)
		}
	}
	return ways
}
