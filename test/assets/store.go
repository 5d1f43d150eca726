package assets

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Store is a running S3 store with an account that may do everything in it.
type Store struct {
	Endpoint  string // http://127.0.0.1:PORT, without a slash at the end
	AccessKey string
	SecretKey string
	Region    string

	bin    string
	args   []string
	shared bool
	mu     sync.Mutex // guards proc
	proc   *process
}

// StartStore runs a store of the test's own, on a free port of the loopback
// interface and with a folder of its own, until the test ends. More flags of
// teststore may be given, "--versioning-dir" for one.
func StartStore(t testing.TB, args ...string) *Store {
	t.Helper()
	s := newStore(t)
	s.args = append([]string{"--dir", t.TempDir()}, args...)
	s.start(t, "127.0.0.1:0")
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("store's log:\n%s", s.proc.log)
		}
	})
	return s
}

var shared struct {
	sync.Mutex
	store *Store
}

// SharedStore is one store for all tests of a test binary, which keep apart by
// using buckets of their own. It is started by the first test that asks and ends
// with the binary; no test may stop it.
func SharedStore(t testing.TB) *Store {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.store == nil {
		s := newStore(t)
		s.shared = true
		// No --dir: teststore removes its folder itself, since no test's
		// cleanup comes late enough to do it.
		s.start(t, "127.0.0.1:0")
		shared.store = s
	}
	return shared.store
}

func newStore(t testing.TB) *Store {
	t.Helper()
	return &Store{
		AccessKey: "test-" + randomHex(4),
		SecretKey: randomHex(16),
		Region:    "us-east-1",
		bin:       locate(t, "TEST_STORE_BIN", "teststore"),
	}
}

func (s *Store) start(t testing.TB, listen string) {
	t.Helper()
	env := []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey}
	p, err := start(s.bin, env, append([]string{"--listen", listen, "--region", s.Region}, s.args...)...)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc = p
	s.Endpoint = "http://" + p.addr
}

// Host is the endpoint without its scheme, as minio-go wants it.
func (s *Store) Host() string { return strings.TrimPrefix(s.Endpoint, "http://") }

// Stop takes the store away: connections to it are refused from here on.
func (s *Store) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustBeOwn("Stop")
	s.proc.stop()
}

// Kill is Stop without a goodbye: requests that run are cut off.
func (s *Store) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustBeOwn("Kill")
	s.proc.kill()
}

// Restart brings a store back that was stopped: same address, same content.
func (s *Store) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	s.start(t, s.Host())
}

func (s *Store) mustBeOwn(method string) {
	if s.shared {
		panic("assets: " + method + " of the store that other tests share; use StartStore")
	}
}

// NewBucket creates an empty bucket with a name that no other test has.
func (s *Store) NewBucket(t testing.TB) string {
	t.Helper()
	name := "test-" + randomHex(8)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.Endpoint+"/"+name, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	signV4(req, emptyBody, s.AccessKey, s.SecretKey, s.Region, time.Now())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("create bucket %s: %s", name, resp.Status)
	}
	return name
}

func randomHex(n int) string {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(fmt.Sprint("no randomness: ", err))
	}
	return hex.EncodeToString(b)
}
