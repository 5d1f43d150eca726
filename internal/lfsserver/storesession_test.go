package lfsserver_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/sessions"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// issuing is a session issuer on a real store and a real API server, that a test
// can take away.
type issuing struct {
	t     testing.TB
	k     *cluster
	store *assets.Store
	url   string
	key   ed25519.PrivateKey
	away  atomic.Bool
	// asked for sessions so far.
	asked atomic.Int32
	log   *lfstest.Log
}

func newIssuing(t testing.TB, store *assets.Store) *issuing {
	t.Helper()
	return newIssuingBy(t, store, newCluster(t), func(*sessions.Issuer) {})
}

// newIssuingBy has an issuer that differs.
func newIssuingBy(t testing.TB, store *assets.Store, k *cluster, change func(*sessions.Issuer)) *issuing {
	t.Helper()
	i := &issuing{t: t, k: k, store: store, log: &lfstest.Log{}, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
	dir := t.TempDir()
	for name, content := range map[string]string{serverconfig.KubernetesToken: i.k.token("models-lfs"), serverconfig.KubernetesCA: string(apiServer.config.CAData)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey}
	issuer := &sessions.Issuer{
		Store: "store-uid", GrantKey: i.key.Public().(ed25519.PublicKey), STS: i.sts(),
		Key:      func() (objectstore.Credentials, bool) { return key, true },
		Reviewer: auth.NewReviewer("https://"+i.k.gate.addr, dir, storesession.Audience),
		Log:      slog.New(slog.NewJSONHandler(i.log, nil)),
	}
	change(issuer)
	handler := issuer.Handler()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.asked.Add(1); i.away.Load() {
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	i.url = s.URL
	return i
}

func (i *issuing) sts() *sessions.STS {
	// No shorter ones are made.
	return &sessions.STS{Endpoint: i.store.Endpoint, Region: i.store.Region, Duration: sessions.MinDuration, Transport: http.DefaultTransport}
}

// grant lets a ServiceAccount have a prefix.
func (i *issuing) grant(serviceAccount, bucket, prefix string) string {
	i.t.Helper()
	signed, err := storesession.Sign(storesession.Grant{
		Store: "store-uid", ServiceAccount: i.k.namespace + "/" + serviceAccount, Bucket: bucket, Prefix: prefix,
	}, i.key)
	if err != nil {
		i.t.Fatal(err)
	}
	return signed
}

// token for the issuer, and no other.
func (i *issuing) token(serviceAccount string) string {
	return i.k.token(serviceAccount, storesession.Audience)
}

// server has sessions with the store and no key of it. They count for life.
func (i *issuing) server(life time.Duration) *lfstest.Server {
	i.t.Helper()
	bucket := i.store.NewBucket(i.t)
	i.k.serviceAccount("server")
	s := lfstest.Start(i.t, i.store, lfstest.WithoutCredentials(), lfstest.WithFile("store-token", i.token("server")),
		lfstest.WithConfig(func(c *serverconfig.Config) {
			c.Storage.Bucket = bucket
			c.Storage.Sessions = &serverconfig.Sessions{URL: i.url, Grant: i.grant("server", bucket, c.Storage.Prefix)}
		}),
		lfstest.WithOptions(func(o *lfsserver.Options) { o.MaxSession = life }))
	return s
}

// ask asks the issuer as a server does.
func (i *issuing) ask(token, grant string) (int, storesession.Answer) {
	i.t.Helper()
	body, _ := json.Marshal(storesession.Request{Grant: grant})
	req, err := http.NewRequest(http.MethodPost, i.url+storesession.Path, bytes.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		i.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer storesession.Answer
	_ = json.NewDecoder(resp.Body).Decode(&answer)
	return resp.StatusCode, answer
}

// needsSTS skips on the store without an STS; make test-minio runs these tests.
func needsSTS(t testing.TB) *assets.Store {
	t.Helper()
	store := assets.SharedStore(t)
	if store.Kind() != "minio" {
		t.Skip("the store makes no sessions; make test-minio runs this")
	}
	return store
}

// TestSessionProbe: what the probe says is what the store is known to do.
func TestSessionProbe(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	e, err := objectstore.ParseEndpoint(store.Endpoint, store.Region, store.NewBucket(t), false)
	if err != nil {
		t.Fatal(err)
	}
	sts := &sessions.STS{Endpoint: store.Endpoint, Region: store.Region, Duration: 24 * time.Hour, Transport: http.DefaultTransport}
	got := sessions.Probe(t.Context(), sts, objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey}, e, "probe/")
	if want := store.Kind() == "minio"; got.Bound != want || want != (got.Message == "") {
		t.Errorf("%s: %+v", store.Kind(), got)
	}
	if got.Bound && got.Seconds != 24*3600 {
		t.Errorf("a session of %d s", got.Seconds)
	}
	if strings.Contains(got.Message, store.SecretKey) {
		t.Error("the message holds a secret")
	}
}

// secretive answers as AWS does, and MinIO does not: who may not list the whole
// bucket is not told that an object is missing.
type secretive struct{ next http.RoundTripper }

func (s secretive) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusNotFound && req.Header.Get("X-Amz-Security-Token") != "" {
		resp.Body.Close()
		resp.StatusCode, resp.Body, resp.ContentLength = http.StatusForbidden, http.NoBody, 0
	}
	return resp, err
}

// TestSessionProbeSecretive: a session is not refused for what AWS keeps from it.
func TestSessionProbeSecretive(t *testing.T) {
	t.Parallel()
	store := needsSTS(t)
	e, err := objectstore.ParseEndpoint(store.Endpoint, store.Region, store.NewBucket(t), false)
	if err != nil {
		t.Fatal(err)
	}
	sts := &sessions.STS{Endpoint: store.Endpoint, Region: store.Region, Duration: time.Hour, Transport: secretive{http.DefaultTransport}}
	got := sessions.Probe(t.Context(), sts, objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey}, e, "probe/")
	if !got.Bound {
		t.Errorf("%+v", got)
	}
}

// TestSessionsAreBound: with its own session a server gets nowhere but under its
// prefix, and each kind of link can do no more than it says.
func TestSessionsAreBound(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, needsSTS(t))
	bucket := i.store.NewBucket(t)
	i.k.serviceAccount("server")
	status, answer := i.ask(i.token("server"), i.grant("server", bucket, "ours/"))
	if status != http.StatusOK || answer.ExpiresIn < 600 || answer.ExpiresIn > 900 {
		t.Fatalf("%d, expires in %d s", status, answer.ExpiresIn)
	}
	checkBound(t, i.store, bucket, &answer, "")
}

// TestSessionReadsSource: the session of a job that adopts may read there too, and
// change nothing.
func TestSessionReadsSource(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, needsSTS(t))
	bucket := i.store.NewBucket(t)
	i.k.serviceAccount("server")
	signed, err := storesession.Sign(storesession.Grant{
		Store: "store-uid", ServiceAccount: i.k.namespace + "/server", Bucket: bucket, Prefix: "ours/",
		Read: &storesession.Source{Bucket: bucket, Prefix: "theirs/"},
	}, i.key)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := i.ask(i.token("server"), signed)
	if status != http.StatusOK {
		t.Fatal(status)
	}
	checkBound(t, i.store, bucket, &answer, "theirs/a")
}

// checkBound tries what each session of an answer can do in a bucket, of which ours/
// is its own. Its own one may also read a source.
func checkBound(t *testing.T, at *assets.Store, bucket string, answer *storesession.Answer, source string) {
	t.Helper()
	e, err := objectstore.ParseEndpoint(at.Endpoint, at.Region, bucket, false)
	if err != nil {
		t.Fatal(err)
	}
	open := func(c objectstore.Credentials) *objectstore.S3 {
		b, err := objectstore.NewS3(e, c, http.DefaultTransport, nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	admin := open(objectstore.Credentials{AccessKeyID: at.AccessKey, SecretAccessKey: at.SecretKey})
	for _, key := range []string{"ours/a", "theirs/a", "ours-too/a", "a"} {
		if _, err := admin.Put(t.Context(), key, strings.NewReader("x"), 1, objectstore.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	const ours = "ours/a"
	for name, tc := range map[string]struct {
		session storesession.Session
		// may do under its prefix, and in the source: get, put, list, delete.
		may, there string
	}{"own": {answer.Own, "get put list delete", "get list"}, "upload": {answer.Upload, "put", ""}, "download": {answer.Download, "get", ""}} {
		b := open(sessions.CredentialsOf(tc.session))
		for _, key := range []string{ours, "theirs/a", "ours-too/a", "a"} {
			may := map[string]string{ours: tc.may, source: tc.there}[key]
			for what, err := range map[string]error{
				"get": read(t.Context(), b, key), "put": store(t.Context(), b, key), "list": listing(t.Context(), b, key),
			} {
				if want := strings.Contains(may, what); (err == nil) != want || !want && !errors.Is(err, objectstore.ErrDenied) {
					t.Errorf("%s: %s %s: %v, allowed should be %t", name, what, key, err, want)
				}
			}
			err := b.Delete(t.Context(), key, "")
			if want := strings.Contains(may, "delete"); (err == nil) != want {
				t.Errorf("%s: delete %s: %v", name, key, err)
			}
			if key == ours {
				if err := store(t.Context(), admin, ours); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := listing(t.Context(), b, ""); !errors.Is(err, objectstore.ErrDenied) {
			t.Errorf("%s: lists the whole bucket: %v", name, err)
		}
	}
}

func read(ctx context.Context, b *objectstore.S3, key string) error {
	body, _, err := b.Get(ctx, key, "")
	if err == nil {
		err = body.Close()
	}
	return err
}

func store(ctx context.Context, b *objectstore.S3, key string) error {
	_, err := b.Put(ctx, key, strings.NewReader("x"), 1, objectstore.Condition{})
	return err
}

func listing(ctx context.Context, b *objectstore.S3, prefix string) error {
	for _, err := range b.List(ctx, prefix, "") {
		return err
	}
	return nil
}

// TestWhoGetsSessions: a grant alone and a token alone are worth nothing.
func TestWhoGetsSessions(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, needsSTS(t))
	bucket := i.store.NewBucket(t)
	i.k.serviceAccount("server")
	i.k.serviceAccount("other")
	pod := i.k.pod("server-pod", "server")
	podToken := i.k.tokenFor("server", pod, storesession.Audience)
	grant := i.grant("server", bucket, "ours/")
	forged, err := storesession.Sign(storesession.Grant{Store: "store-uid", ServiceAccount: i.k.namespace + "/other", Bucket: bucket, Prefix: "ours/"},
		ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := storesession.Sign(storesession.Grant{Store: "another", ServiceAccount: i.k.namespace + "/server", Bucket: bucket, Prefix: "ours/"}, i.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		token, grant string
		want         int
	}{
		"its own":                        {i.token("server"), grant, 200},
		"of its pod":                     {podToken, grant, 200},
		"another's grant":                {i.token("other"), grant, 403},
		"a grant that nobody signed":     {i.token("other"), forged, 403},
		"a grant for another store":      {i.token("server"), elsewhere, 403},
		"no grant":                       {i.token("server"), "", 403},
		"a token for the API server":     {i.k.token("server"), grant, 401},
		"a token for a repository":       {i.k.token("server", audience), grant, 401},
		"no token":                       {"", grant, 400},
		"a token of the same name, made": {unsigned("none", map[string]any{"aud": []string{storesession.Audience}, "sub": "system:serviceaccount:" + i.k.namespace + ":server", "exp": inSeconds(600)}), grant, 401},
	} {
		if got, answer := i.ask(tc.token, tc.grant); got != tc.want || (got != 200) != (answer.Own.SecretAccessKey == "") {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	// The API server remembers for some seconds what it has said of a token.
	gone := i.k.pod("pod-that-goes", "server")
	podToken = i.k.tokenFor("server", gone, storesession.Audience)
	i.k.deletePod(gone)
	if got, _ := i.ask(podToken, grant); got != 401 {
		t.Errorf("the token of a pod that is gone: %d", got)
	}
	_, answer := i.ask(i.token("server"), grant)
	for _, secret := range []string{answer.Own.SecretAccessKey, answer.Own.SessionToken, i.store.SecretKey} {
		if strings.Contains(i.log.String(), secret) {
			t.Error("the issuer's log holds a secret")
		}
	}
}

// TestServerWithSession: a server without a key does all that one with a key does,
// its links hold sessions that can do one thing only, and it works on while the
// issuer is away.
func TestServerWithSession(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, needsSTS(t))
	s := i.server(0)
	s.WaitReady()
	object := s.Upload("through a session")
	if got := s.Download(object); got != "through a session" {
		t.Errorf("downloads %q", got)
	}
	st := s.Status().Store.Session
	if st == nil || st.EndsAt.Before(time.Now().Add(10*time.Minute)) || st.Error != "" {
		t.Fatalf("session %+v", st)
	}
	answers := s.Batch("upload", lfstest.ObjectOf("another"), lfstest.ObjectOf("and another"))
	for _, a := range answers {
		up := a.Actions["upload"]
		if up.ExpiresIn <= 0 || time.Now().Add(time.Duration(up.ExpiresIn)*time.Second).After(st.EndsAt) {
			t.Errorf("a link for %d s, and the session ends at %v", up.ExpiresIn, st.EndsAt)
		}
		u, err := url.Parse(up.Href)
		if err != nil || u.Query().Get("X-Amz-Security-Token") == "" {
			t.Fatalf("the link is signed by no session: %v", err)
		}
	}
	i.away.Store(true)
	s.Upload("while the issuer is away")
	if s.Status().Store.Session.Error != "" {
		t.Error("there was nothing to renew")
	}
}

// TestSessionMakesBucket: with createBuckets a session may make its own bucket.
func TestSessionMakesBucket(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, needsSTS(t))
	i.k.serviceAccount("server")
	bucket := "made-by-" + strings.ToLower(i.k.namespace)
	signed, err := storesession.Sign(storesession.Grant{
		Store: "store-uid", ServiceAccount: i.k.namespace + "/server", Bucket: bucket, Prefix: "some/prefix/", CreateBucket: true,
	}, i.key)
	if err != nil {
		t.Fatal(err)
	}
	s := lfstest.Start(t, i.store, lfstest.WithoutCredentials(), lfstest.WithFile("store-token", i.token("server")),
		lfstest.WithConfig(func(c *serverconfig.Config) {
			c.Storage.Bucket, c.Storage.CreateBucket = bucket, true
			c.Storage.Sessions = &serverconfig.Sessions{URL: i.url, Grant: signed}
		}))
	s.WaitReady()
	s.Upload("into a bucket of its own")
}

// TestSessionNotRenewed: what is wrong is told before the session ends, clients
// are served to its end and told to wait after it, and all is well by itself.
func TestSessionNotRenewed(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, needsSTS(t))
	s := i.server(20 * time.Second)
	s.WaitReady()
	s.Eventually("it is renewed", func() (bool, string) { return i.asked.Load() >= 2, fmt.Sprint(i.asked.Load()) })
	i.away.Store(true)
	s.Eventually("the problem is told while clients are served", func() (bool, string) {
		st := s.Status().Store
		return st.Session.Error != "" && st.Ready, fmt.Sprintf("%+v", st)
	})
	gone := s.WaitReason(serverstatus.ReasonSessionMissing)
	if !strings.Contains(gone.Message, "session issuer") {
		t.Errorf("the message does not say where to look: %s", gone.Message)
	}
	resp, body := s.Post(s.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken), []byte(`{"operation":"upload","objects":[]}`))
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("without a session: %d %s", resp.StatusCode, body)
	}
	resp, metrics := s.Do(mustGet(t, s.Admin+"/metrics"))
	if resp.StatusCode != 200 || !bytes.Contains(metrics, []byte("lfs_server_store_session_remaining_seconds 0")) {
		t.Error("the metric does not show that the session is over")
	}
	i.away.Store(false)
	s.WaitReady()
	s.Upload("again")
}

func mustGet(t *testing.T, u string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestTooLargeForSession: what could not be sent before the session ends goes
// through the server, by links that outlive it.
func TestTooLargeForSession(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, needsSTS(t))
	s := i.server(2 * time.Minute)
	s.WaitReady()
	small, large := lfstest.ObjectOf("small"), lfstest.Object{OID: lfstest.OID("large"), Size: 100 << 20}
	for _, tc := range []struct {
		object lfstest.Object
		to     string
	}{{small, i.store.Endpoint}, {large, s.URL}} {
		up := s.Batch("upload", tc.object)[0].Actions["upload"]
		if !strings.HasPrefix(up.Href, tc.to+"/") {
			t.Errorf("an object of %d bytes goes to %.40s, want %s", tc.object.Size, up.Href, tc.to)
		}
		if tc.object == large && up.ExpiresIn < 3600 {
			t.Errorf("the link through the server lives %d s", up.ExpiresIn)
		}
	}
}

// TestGoesOverToSessions: while servers go over from key to session, the
// configuration is ahead of what is mounted, one way and the other, and clients
// notice nothing.
func TestGoesOverToSessions(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, needsSTS(t))
	s := lfstest.Start(t, i.store)
	i.k.serviceAccount("server")
	s.Reconfigure(func(c *serverconfig.Config) {
		c.Storage.Sessions = &serverconfig.Sessions{URL: i.url, Grant: i.grant("server", c.Storage.Bucket, c.Storage.Prefix)}
	})
	s.Upload("still with the key")
	if i.asked.Load() != 0 {
		t.Error("it asks for a session with a token that it does not have")
	}
	s.WriteFile("store-token", i.token("server"))
	s.RemoveFile("credentials")
	s.Eventually("it has a session", func() (bool, string) {
		st := s.Status().Store
		return st.Ready && st.Session != nil && !st.Session.EndsAt.IsZero(), fmt.Sprintf("%+v", st)
	})
	s.Upload("with the session")
	s.Reconfigure(func(c *serverconfig.Config) { c.Storage.Sessions = nil })
	s.Upload("still with the session")
	s.PutCredentials(i.store.AccessKey, i.store.SecretKey)
	s.WaitReady()
	s.Upload("with the key again")
}

// TestPushesOverRenewals: real git-lfs pushes and clones while sessions are
// renewed again and again, for LFS_TEST_SESSION_PUSHES.
func TestPushesOverRenewals(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, needsSTS(t))
	long, err := time.ParseDuration(os.Getenv("LFS_TEST_SESSION_PUSHES"))
	if err != nil {
		long = 5 * time.Second
	}
	s := i.server(max(long/3, 15*time.Second))
	s.WaitReady()
	b := newGitBox(t)
	work, bare := b.repository(s, lfstest.WriteToken)
	failed, pushes := 0, 0
	command := func(dir string, args ...string) {
		if out, err := b.try(dir, args...); err != nil {
			failed++
			t.Errorf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	for end := time.Now().Add(long); time.Now().Before(end) || i.asked.Load() < 3; pushes++ {
		for n := range 3 {
			if err := os.WriteFile(filepath.Join(work, fmt.Sprintf("%d.bin", n)), random(t, 300_000), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b.git(work, "add", ".")
		b.git(work, "commit", "-m", fmt.Sprint(pushes))
		command(work, "push", "origin", "main")
		clone := filepath.Join(b.home, fmt.Sprintf("clone-%d", pushes))
		command(b.home, "-c", "lfs.url="+withToken(t, s.Root(), lfstest.ReadToken), "clone", bare, clone)
		if err := os.RemoveAll(clone); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("pushes=%d sessions=%d sts-failed-commands=%d", pushes, i.asked.Load(), failed)
}
