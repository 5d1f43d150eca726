package lfstest

import (
	"crypto/sha256"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// Shared is a running server of many repositories, none at first.
type Shared struct {
	*Server
	// Metrics is http://127.0.0.1:PORT.
	Metrics string
	key     []byte
}

// StartShared runs one until the test ends. change may be nil.
func StartShared(t testing.TB, store *assets.Store, change func(*lfsserver.Options)) *Shared {
	t.Helper()
	api, admin, metrics := listen(t), listen(t), listen(t)
	s := &Server{
		t: t, Store: store, Dir: t.TempDir(), Log: &Log{}, done: make(chan error, 1),
		URL: "http://" + api.Addr().String(), Admin: "http://" + admin.Addr().String(),
	}
	key := sha256.Sum256([]byte("key of a shared server"))
	s.WriteFile("keys/shared", string(key[:]))
	s.PutCredentials(store.AccessKey, store.SecretKey)
	o := s.options(api, admin)
	o.RepositoriesDir, o.MetricsListener = s.path("repositories"), metrics
	o.AuditLogger = slog.New(slog.NewJSONHandler(s.Log, nil))
	if change != nil {
		change(&o)
	}
	if err := os.Mkdir(o.RepositoriesDir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.run(o)
	return &Shared{Server: s, Metrics: "http://" + metrics.Addr().String(), key: key[:]}
}

// Add has it serve another repository, and waits until that is ready. The handle
// is for requests about this one; its tokens are of its own.
func (s *Shared) Add(namespace, name string, change ...func(*serverconfig.Config)) *Server {
	s.t.Helper()
	m := s.Member(namespace, name, change...)
	m.writeConfig()
	s.Eventually(namespace+"/"+name+" is served", func() (bool, string) { return m.Serves(), "" })
	m.WaitReady()
	return m
}

// Member is a repository that is not served yet.
func (s *Shared) Member(namespace, name string, change ...func(*serverconfig.Config)) *Server {
	s.t.Helper()
	m := &Server{t: s.t, Store: s.Store, URL: s.URL, Admin: s.Admin, Dir: s.Dir, Log: s.Log, Config: defaultConfig(s.Store, strings.TrimPrefix(s.URL, "http://"))}
	c := &m.Config
	c.Repository.Namespace, c.Repository.Name = namespace, name
	c.Storage.Prefix = namespace + "/" + name + "-" + c.Repository.UID + "/"
	m.Token, m.StatusToken = "lfs_write-"+c.Repository.UID, "status-"+c.Repository.UID
	c.Access.Tokens = []serverconfig.Token{{Name: "default", Scope: serverconfig.ScopeWrite, SHA256: serverconfig.TokenHash(m.Token)}}
	c.StatusTokenHash, c.ScanTokenHash = serverconfig.TokenHash(m.StatusToken), serverconfig.TokenHash("scan-"+c.Repository.UID)
	c.SigningKeys = []serverconfig.SigningKey{s.Seal(c.Repository.UID)}
	m.configFile = "repositories/" + c.Repository.UID + ".yaml"
	for _, f := range change {
		f(c)
	}
	if c.Storage.Bucket == "" {
		c.Storage.Bucket = s.Store.NewBucket(s.t)
	}
	return m
}

// Seal makes the signing key of a repository, for the configuration.
func (s *Shared) Seal(uid string) serverconfig.SigningKey {
	s.t.Helper()
	key := sha256.Sum256([]byte("signing key of " + uid))
	sealed, err := derive.Seal(s.key, uid, "k1", key[:])
	if err != nil {
		s.t.Fatal(err)
	}
	return serverconfig.SigningKey{ID: "k1", Fingerprint: derive.Fingerprint(key[:]), Signs: true, Sealed: sealed}
}

// Begin mounts the configuration of a member, and waits for nothing.
func (s *Server) Begin() { s.writeConfig() }

// Leave takes a member's configuration away, and waits for nothing.
func (s *Server) Leave() { s.RemoveFile(s.configFile) }

// Serves is true while the member's own token opens its status.
func (s *Server) Serves() bool {
	s.t.Helper()
	resp, _ := s.askStatus()
	return resp.StatusCode == http.StatusOK
}
