package lfsserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/sessions"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// stsAudience is what tokens must have that the store takes.
const stsAudience = "sts.amazonaws.com"

// trusting is a store with a role that ServiceAccounts of a real API server may
// assume, by an STS that a test can take away.
type trusting struct {
	t     testing.TB
	k     *cluster
	store *assets.Store
	sts   string
	away  atomic.Bool
	asked atomic.Int32
}

func newTrusting(t testing.TB) *trusting {
	t.Helper()
	needsSTS(t)
	w := &trusting{t: t, k: newCluster(t)}
	// The API server itself answers with certificates that MinIO does not know.
	issuer := httptest.NewServer(nil)
	t.Cleanup(issuer.Close)
	issuer.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			keys, err := w.k.client.CoreV1().RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(r.Context())
			if err != nil {
				rw.WriteHeader(http.StatusBadGateway)
				return
			}
			_, _ = rw.Write(keys)
			return
		}
		_ = json.NewEncoder(rw).Encode(map[string]string{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys"})
	})
	w.k.serviceAccount("server")
	w.store = assets.StartStoreTrusting(t, assets.Trust{
		ConfigURL: issuer.URL + "/.well-known/openid-configuration", Audience: stsAudience, Token: w.k.token("server", stsAudience),
	})
	to, err := url.Parse(w.store.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.asked.Add(1); w.away.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	w.sts = s.URL
	return w
}

// config is how a server assumes the role.
func (w *trusting) config(c *serverconfig.Config) {
	c.Storage.CredentialsName = ""
	c.Storage.WebIdentity = &serverconfig.WebIdentity{
		STS: w.sts, RoleARN: w.store.RoleARN, Audience: stsAudience, ServiceAccount: w.k.namespace + "/server",
	}
}

// server has no key. Its sessions count for life.
func (w *trusting) server(token string, life time.Duration) *lfstest.Server {
	w.t.Helper()
	return lfstest.Start(w.t, w.store, lfstest.WithoutCredentials(), lfstest.WithFile("store-token", token), lfstest.WithConfig(w.config),
		lfstest.WithOptions(func(o *lfsserver.Options) { o.MaxSession = life }))
}

// TestWebIdentity: a server with a role and no key does all that one with a key does.
// Its links hold sessions, and end with them.
func TestWebIdentity(t *testing.T) {
	t.Parallel()
	w := newTrusting(t)
	token := w.k.token("server", stsAudience)
	s := w.server(token, 0)
	s.WaitReady()
	object := s.Upload("by a role")
	if got := s.Download(object); got != "by a role" {
		t.Errorf("downloads %q", got)
	}
	st := s.Status().Store.Session
	if st == nil || st.EndsAt.Before(time.Now().Add(10*time.Minute)) || st.Error != "" {
		t.Fatalf("session %+v", st)
	}
	up := s.Batch("upload", lfstest.ObjectOf("another"))[0].Actions["upload"]
	u, err := url.Parse(up.Href)
	if err != nil || u.Query().Get("X-Amz-Security-Token") == "" {
		t.Fatalf("the link is signed by no session: %v", err)
	}
	if up.ExpiresIn <= 0 || time.Now().Add(time.Duration(up.ExpiresIn)*time.Second).After(st.EndsAt) {
		t.Errorf("a link for %d s, and the session ends at %v", up.ExpiresIn, st.EndsAt)
	}
	if strings.Contains(s.Log.String(), token) {
		t.Error("the log holds the token")
	}
}

// TestWebIdentityIsBound: whatever the role may do, the sessions of a server get
// nowhere but under its prefix.
func TestWebIdentityIsBound(t *testing.T) {
	t.Parallel()
	w := newTrusting(t)
	bucket := w.store.NewBucket(t)
	cfg := serverconfig.Config{Storage: serverconfig.Storage{Endpoint: w.store.Endpoint, Region: w.store.Region, Bucket: bucket, Prefix: "ours/"}}
	w.config(&cfg)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(w.k.token("server", stsAudience)), 0o600); err != nil {
		t.Fatal(err)
	}
	answer, err := sessions.FromWebIdentity(cfg.Storage, nil, file, http.DefaultTransport, "").Ask(t.Context())
	if err != nil || answer.ExpiresIn < 600 {
		t.Fatalf("%+v, %v", answer.ExpiresIn, err)
	}
	checkBound(t, w.store, bucket, answer, "")
	from := &serverconfig.AdoptFrom{Bucket: bucket, Prefix: "theirs/"}
	if answer, err = sessions.FromWebIdentity(cfg.Storage, from, file, http.DefaultTransport, "").Ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkBound(t, w.store, bucket, answer, "theirs/a")
}

// TestWebIdentityRefused: who is refused reads who, where, which role and what to do,
// and no token; when it is mended all is well by itself.
func TestWebIdentityRefused(t *testing.T) {
	t.Parallel()
	w := newTrusting(t)
	wrong := w.k.token("server", "somebody-else")
	s := w.server(wrong, 0)
	got := s.WaitReason(serverstatus.ReasonWebIdentityRefused)
	for _, want := range []string{
		w.sts, w.store.RoleARN, "ServiceAccount " + w.k.namespace + "/server", "system:serviceaccount:" + w.k.namespace + ":server", "audience " + stsAudience, "trust policy",
	} {
		if !strings.Contains(got.Message, want) {
			t.Errorf("the message does not say %q: %s", want, got.Message)
		}
	}
	if resp, body := s.Post(s.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken), []byte(`{"operation":"upload","objects":[]}`)); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("without a session: %d %s", resp.StatusCode, body)
	}
	s.RemoveFile("store-token")
	s.Eventually("it says that there is no token", func() (bool, string) {
		st := s.Status().Store
		return st.Reason == serverstatus.ReasonSessionMissing && strings.Contains(st.Message, "is not mounted"), fmt.Sprintf("%+v", st)
	})
	right := w.k.token("server", stsAudience)
	s.WriteFile("store-token", right)
	s.WaitReady()
	s.Upload("after all")
	for _, token := range []string{wrong, right} {
		if strings.Contains(s.Log.String(), token) {
			t.Error("the log holds a token")
		}
	}
}

// TestWebIdentityNotRenewed: sessions are renewed in time; while the STS is away the
// old one serves to its end, and the way back needs nobody.
func TestWebIdentityNotRenewed(t *testing.T) {
	t.Parallel()
	w := newTrusting(t)
	s := w.server(w.k.token("server", stsAudience), 20*time.Second)
	s.WaitReady()
	s.Eventually("it is renewed", func() (bool, string) { return w.asked.Load() > 3, fmt.Sprint(w.asked.Load()) })
	w.away.Store(true)
	s.Eventually("the problem is told while clients are served", func() (bool, string) {
		st := s.Status().Store
		return st.Session.Error != "" && st.Ready, fmt.Sprintf("%+v", st)
	})
	if gone := s.WaitReason(serverstatus.ReasonSessionMissing); !strings.Contains(gone.Message, "webIdentity.stsEndpoint") {
		t.Errorf("the message does not say where to look: %s", gone.Message)
	}
	resp, metrics := s.Do(mustGet(t, s.Admin+"/metrics"))
	if resp.StatusCode != 200 || !bytes.Contains(metrics, []byte("lfs_server_store_session_remaining_seconds 0")) {
		t.Error("the metric does not show that the session is over")
	}
	w.away.Store(false)
	s.WaitReady()
	s.Upload("again")
}

// TestGoesOverToWebIdentity: while pods go over from a key to a role, the configuration
// is ahead of what is mounted, and clients notice nothing.
func TestGoesOverToWebIdentity(t *testing.T) {
	t.Parallel()
	w := newTrusting(t)
	s := lfstest.Start(t, w.store)
	s.Reconfigure(w.config)
	s.Upload("still with the key")
	if w.asked.Load() != 0 {
		t.Error("it asks for a session with a token that it does not have")
	}
	s.WriteFile("store-token", w.k.token("server", stsAudience))
	s.RemoveFile("credentials")
	s.Eventually("it has a session", func() (bool, string) {
		st := s.Status().Store
		return st.Ready && st.Session != nil && !st.Session.EndsAt.IsZero(), fmt.Sprintf("%+v", st)
	})
	s.Upload("with the session")
}

// TestIssuerByWebIdentity: the issuer of a store's sessions may have a role instead of
// the store's key; what servers get of it is bound all the same.
func TestIssuerByWebIdentity(t *testing.T) {
	t.Parallel()
	w := newTrusting(t)
	i := newIssuingBy(t, w.store, w.k, func(issuer *sessions.Issuer) {
		token := w.k.token("server", stsAudience)
		issuer.STS.RoleARN, issuer.STS.Token = w.store.RoleARN, func() (string, error) { return token, nil }
	})
	bucket := w.store.NewBucket(t)
	status, answer := i.ask(i.token("server"), i.grant("server", bucket, "ours/"))
	if status != http.StatusOK {
		t.Fatal(status)
	}
	checkBound(t, w.store, bucket, &answer, "")
}
