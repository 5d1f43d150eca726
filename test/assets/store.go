package assets

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
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

	// RoleARN may be assumed by tokens of the issuer that the store trusts, and may do
	// everything; empty where it trusts none.
	RoleARN string

	// KMSKeyID is the one key of the store's KMS, empty where it has none.
	KMSKeyID string

	kind   kind
	bin    string
	dir    string // empty: a temporary one
	args   []string
	trusts *Trust
	shared bool
	mu     sync.Mutex // guards proc
	proc   *process
}

// StartStore runs a store of the test's own, on a free port of the loopback
// interface and with a folder of its own, until the test ends. More flags of
// teststore may be given, "--versioning-dir" for one; MinIO needs none.
func StartStore(t testing.TB, args ...string) *Store {
	t.Helper()
	s := newStore(t)
	s.args = args
	return s.startOwn(t)
}

// StartStoreWithKMS is StartStore with a KMS of one key, where the kind of store
// has such a thing: see KMSKeyID.
func StartStoreWithKMS(t testing.TB) *Store {
	t.Helper()
	s := newStore(t)
	if s.kind.kms {
		s.KMSKeyID = "key-of-the-tests"
	}
	return s.startOwn(t)
}

// Trust is an OpenID Connect issuer whose tokens a store takes.
type Trust struct {
	// ConfigURL of the discovery document; http will do.
	ConfigURL string
	// Audience that tokens must have.
	Audience string
	// Token with it: the store is up when it takes that.
	Token string
}

// takesToken is true once the role can be assumed.
func (s *Store) takesToken(endpoint string) bool {
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {s.RoleARN}, "RoleSessionName": {"test"}, "WebIdentityToken": {s.trusts.Token},
	}
	resp, err := http.PostForm(endpoint, form)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// StartStoreTrusting is StartStore with a role that tokens of an issuer may assume,
// where the kind of store has such a thing: see RoleARN.
func StartStoreTrusting(t testing.TB, trust Trust) *Store {
	t.Helper()
	s := newStore(t)
	if s.kind.oidc {
		// As MinIO makes it of the client ID; there is one role for each issuer.
		id := sha1.Sum([]byte(trust.Audience))
		s.trusts, s.RoleARN = &trust, fmt.Sprintf("arn:minio:iam:%s::role/%s", s.Region, base64.RawURLEncoding.EncodeToString(id[:]))
	}
	return s.startOwn(t)
}

func (s *Store) startOwn(t testing.TB) *Store {
	t.Helper()
	s.dir = t.TempDir()
	s.start(t, ownAddress(t))
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("store's log:\n%s", s.proc.log)
		}
	})
	return s
}

// ownAddress is free, and stays so while its store is stopped: whoever asks the system
// for any free port, as all other tests do and all connections, is given one from
// further up (net.ipv4.ip_local_port_range).
func ownAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		if addr, err := freePort(fmt.Sprintf("127.0.0.1:%d", 20000+mathrand.IntN(10000))); err == nil {
			return addr
		}
	}
	t.Fatal("no port between 20000 and 30000 is free")
	return ""
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
		// No folder: the store removes its own, since no test's cleanup comes
		// late enough to do it.
		s.start(t, "127.0.0.1:0")
		shared.store = s
	}
	return shared.store
}

func newStore(t testing.TB) *Store {
	t.Helper()
	k := kindOf(t)
	return &Store{
		AccessKey: "test-" + randomHex(4),
		SecretKey: randomHex(16),
		Region:    "us-east-1",
		kind:      k,
		bin:       locate(t, k.env, k.program),
	}
}

func (s *Store) start(t testing.TB, listen string) {
	t.Helper()
	p, err := s.kind.start(s, listen, s.args)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc = p
	s.Endpoint = "http://" + p.addr
}

// Kind names the program behind the store: versitygw or minio.
func (s *Store) Kind() string { return s.kind.name }

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
	status, err := s.createBucket(t.Context(), s.Endpoint, name)
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusOK {
		t.Fatalf("create bucket %s: status %d", name, status)
	}
	return name
}

// createBucket returns the status of the answer.
func (s *Store) createBucket(ctx context.Context, endpoint, name string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, endpoint+"/"+name, http.NoBody)
	if err != nil {
		return 0, err
	}
	signV4(req, emptyBody, s.AccessKey, s.SecretKey, s.Region, time.Now())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(fmt.Sprint("no randomness: ", err))
	}
	return hex.EncodeToString(b)
}
