// Package lfstest runs an LFS server in a test, on a real store, with mounted
// files that the test can change.
package lfstest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/monitor"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// Tokens that every server of this package knows.
const (
	WriteToken   = "lfs_write-token-of-the-tests"
	ReadToken    = "lfs_read-token-of-the-tests"
	ExpiredToken = "lfs_expired-token-of-the-tests"
	StatusToken  = "status-token-of-the-tests"
	ScanToken    = "scan-token-of-the-tests"
)

// Server is a running server and what it was started with.
type Server struct {
	t     testing.TB
	Store *assets.Store
	// Config in force; change it with Reconfigure.
	Config serverconfig.Config
	// URL and Admin are http://127.0.0.1:PORT.
	URL, Admin string
	// Dir holds the mounted files: config.yaml, credentials/, keys/, jwt/,
	// kubernetes/.
	Dir string
	// Log of the server.
	Log *Log
	// Token of scope Write, and the one for the status endpoint.
	Token, StatusToken string

	configFile string
	cancel     context.CancelFunc
	done       chan error
}

// Option changes a server before it starts.
type Option func(*setup)

type setup struct {
	options       lfsserver.Options
	config        *serverconfig.Config
	noCredentials bool
	noWait        bool
	files         map[string]string
}

// WithConfig changes the configuration.
func WithConfig(change func(*serverconfig.Config)) Option {
	return func(s *setup) { change(s.config) }
}

// WithOptions changes the options.
func WithOptions(change func(*lfsserver.Options)) Option {
	return func(s *setup) { change(&s.options) }
}

// WithFile mounts a file from the start.
func WithFile(name, content string) Option {
	return func(s *setup) { s.files[name] = content }
}

// WithoutCredentials leaves the store's credentials out; see PutCredentials.
func WithoutCredentials() Option { return func(s *setup) { s.noCredentials, s.noWait = true, true } }

// NotReady does not wait for the store to be ready.
func NotReady() Option { return func(s *setup) { s.noWait = true } }

// Start runs a server of its own repository and bucket until the test ends, and
// waits until it can serve.
func Start(t testing.TB, store *assets.Store, opts ...Option) *Server {
	t.Helper()
	api, admin := listen(t), listen(t)
	s := &Server{
		t: t, Store: store, Dir: t.TempDir(), Log: &Log{}, done: make(chan error, 1),
		Token: WriteToken, StatusToken: StatusToken, configFile: "config.yaml",
		URL: "http://" + api.Addr().String(), Admin: "http://" + admin.Addr().String(),
	}
	s.Config = defaultConfig(store, api.Addr().String())
	set := &setup{config: &s.Config, files: map[string]string{}, options: s.options(api, admin)}
	for _, o := range opts {
		o(set)
	}
	if s.Config.Storage.Bucket == "" {
		s.Config.Storage.Bucket = store.NewBucket(t)
	}
	key := sha256.Sum256([]byte("signing key of " + s.Config.Repository.UID))
	if s.Config.SigningKeys == nil {
		s.Config.SigningKeys = []serverconfig.SigningKey{{ID: "k1", Fingerprint: derive.Fingerprint(key[:]), Signs: true}}
		s.WriteFile("keys/k1", string(key[:]))
	}
	for name, content := range set.files {
		s.WriteFile(name, content)
	}
	s.writeConfig()
	if !set.noCredentials {
		s.PutCredentials(store.AccessKey, store.SecretKey)
	}
	s.run(set.options)
	if !set.noWait {
		s.WaitReady()
	}
	return s
}

// options of a server that is quicker than in a cluster.
func (s *Server) options(api, admin net.Listener) lfsserver.Options {
	return lfsserver.Options{
		ConfigFile: s.path("config.yaml"), CredentialsDir: s.path("credentials"), KeysDir: s.path("keys"), CAFile: s.path("ca.crt"), JWTDir: s.path("jwt"), KubernetesDir: s.path("kubernetes"), StoreTokenFile: s.path("store-token"),
		APIListener: api, AdminListener: admin,
		DrainDelay: time.Millisecond, ReloadInterval: 20 * time.Millisecond, LockPatience: 50 * time.Millisecond, UsageGap: 20 * time.Millisecond,
		Monitor: monitor.Intervals{Unready: 100 * time.Millisecond, Ready: 200 * time.Millisecond, Least: 10 * time.Millisecond, Timeout: 15 * time.Second},
		Logger:  slog.New(slog.NewJSONHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func defaultConfig(store *assets.Store, host string) serverconfig.Config {
	past := time.Now().Add(-time.Minute)
	return serverconfig.Config{
		Repository: serverconfig.Repository{Namespace: "team-a", Name: "models", UID: newUID(), Generation: 1},
		Storage: serverconfig.Storage{
			Endpoint: store.Endpoint, PublicEndpoint: store.Endpoint, Region: store.Region,
			Prefix: "some/prefix/", CredentialsName: "s3-credentials",
		},
		Endpoints: []serverconfig.Endpoint{{Scheme: "http", Host: host}},
		Access: serverconfig.Access{Tokens: []serverconfig.Token{
			{Name: "writer", Scope: serverconfig.ScopeWrite, SHA256: serverconfig.TokenHash(WriteToken)},
			{Name: "reader", Scope: serverconfig.ScopeRead, SHA256: serverconfig.TokenHash(ReadToken)},
			{Name: "late", Scope: serverconfig.ScopeAdmin, SHA256: serverconfig.TokenHash(ExpiredToken), ExpiresAt: &past},
		}},
		Policy:          policy(),
		StatusTokenHash: serverconfig.TokenHash(StatusToken),
		ScanTokenHash:   serverconfig.TokenHash(ScanToken),
		GC:              serverconfig.GC{Mode: serverconfig.GCDryRun, GracePeriod: "168h", Quarantine: "168h", DeleteLimitPercent: 50},
	}
}

// policy of a repository that has a few words of its own.
func policy() serverconfig.Policy {
	builtIn := []string{".safetensors", ".bin", ".zip"}
	return serverconfig.Policy{
		ThresholdBytes: 5_000_000, KeepVersions: 10, SuffixRules: append(builtIn, ".custom"),
		Sources: map[string]string{
			"threshold": serverconfig.SourceBuiltIn, "keepVersions": serverconfig.SourceRepository, "suffixRules": serverconfig.SourceMerged,
		},
		Own:      serverconfig.PolicyValues{KeepVersions: new(int32(10)), SuffixRules: []string{".bin", ".custom"}},
		Defaults: serverconfig.PolicyValues{ThresholdBytes: new(int64(5_000_000)), KeepVersions: new(int32(5)), SuffixRules: builtIn},
	}
}

func (s *Server) run(o lfsserver.Options) {
	s.t.Helper()
	srv, err := newServer(o)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() { s.done <- srv.Run(ctx) }()
	s.t.Cleanup(func() {
		s.Stop()
		if err := s.Wait(); err != nil {
			s.t.Errorf("server: %v", err)
		}
		if s.t.Failed() {
			s.t.Logf("server's log:\n%s", s.Log)
		}
	})
}

func newServer(o lfsserver.Options) (interface{ Run(context.Context) error }, error) {
	if o.RepositoriesDir != "" {
		return lfsserver.NewShared(o)
	}
	return lfsserver.New(o)
}

// Stop tells the server to stop and does not wait for it.
func (s *Server) Stop() { s.cancel() }

// Wait returns when the server has stopped.
func (s *Server) Wait() error {
	err := <-s.done
	s.done <- nil
	return err
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newUID() string { return rand.Text() }
