package lfsserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// batchStatus sends a batch that needs the store.
func batchStatus(s *lfstest.Server) (*http.Response, string) {
	resp, body := s.Post(s.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken),
		map[string]any{"operation": "upload", "objects": []lfstest.Object{lfstest.ObjectOf("anything")}})
	return resp, string(body)
}

// wantLater checks that a batch is told to come back, and why.
func wantLater(t *testing.T, s *lfstest.Server, why string) {
	t.Helper()
	resp, body := batchStatus(s)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, why) {
		t.Errorf("batch: %d, Retry-After %q, want 429 with %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), why, body)
	}
}

func TestCredentialsMissingThenPresent(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	s := lfstest.Start(t, store, lfstest.WithoutCredentials())
	st := s.WaitReason(serverstatus.ReasonCredentialsMissing)
	for _, want := range []string{`"s3-credentials"`, `"team-a"`, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if !strings.Contains(st.Message, want) {
			t.Errorf("message %q lacks %q", st.Message, want)
		}
	}
	wantLater(t, s, "s3-credentials")
	if resp, _ := http.Get(s.Admin + "/readyz"); resp.StatusCode != 200 {
		t.Errorf("the pod is not ready: %d", resp.StatusCode)
	}
	s.WriteFile("credentials/AWS_ACCESS_KEY_ID", store.AccessKey)
	s.WaitReason(serverstatus.ReasonCredentialsMissing) // half of them are none

	s.PutCredentials(store.AccessKey, "wrong")
	st = s.WaitReason(serverstatus.ReasonCredentialsRefused)
	if !strings.Contains(st.Message, "SignatureDoesNotMatch") || strings.Contains(st.Message, "wrong") {
		t.Errorf("message %q", st.Message)
	}
	s.PutCredentials("unknown", store.SecretKey)
	s.Eventually("an unknown key is named as such", func() (bool, string) {
		m := s.Status().Store.Message
		return strings.Contains(m, "refuses the credentials") && strings.Contains(strings.ToLower(m), "access key"), m
	})
	s.PutCredentials(store.AccessKey, store.SecretKey)
	s.WaitReady()
	s.Upload("now it works")
	s.RemoveFile("credentials")
	s.WaitReason(serverstatus.ReasonCredentialsMissing)
	wantLater(t, s, "s3-credentials")
}

func TestStoreGoesAndComes(t *testing.T) {
	t.Parallel()
	store := assets.StartStore(t)
	s := lfstest.Start(t, store)
	o := s.Upload("before")
	store.Kill()
	// At once, before the monitor has looked: a request that fails is 429 too.
	resp, body := batchStatus(s)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("batch: %d: %s", resp.StatusCode, body)
	}
	// A request that was under way ends in another way.
	s.Eventually("the status says what is the matter", func() (bool, string) {
		st := s.Status().Store
		return st.Reason == serverstatus.ReasonStoreUnreachable && strings.Contains(st.Message, "connection refused") && strings.Contains(st.Message, store.Endpoint), st.Message
	})
	wantLater(t, s, "connection refused")
	if resp, _ := http.Get(s.Admin + "/readyz"); resp.StatusCode != 200 {
		t.Errorf("the pod is not ready: %d", resp.StatusCode)
	}
	store.Restart(t)
	s.WaitReady()
	if got := s.Download(o); got != "before" {
		t.Errorf("downloaded %q", got)
	}
}

func TestBucketMissing(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	s := lfstest.Start(t, store, lfstest.NotReady(), lfstest.WithConfig(func(c *serverconfig.Config) { c.Storage.Bucket = "there-is-no-such-bucket" }))
	st := s.WaitReason(serverstatus.ReasonBucketMissing)
	if !strings.Contains(st.Message, "there-is-no-such-bucket") || !strings.Contains(st.Message, "createBucket") {
		t.Errorf("message %q", st.Message)
	}
	s.Reconfigure(func(c *serverconfig.Config) { c.Storage.CreateBucket = true })
	s.WaitReady()
	s.Upload("in a bucket of our own making")
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.NotReady(), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Storage.Endpoint = "http://127.0.0.1:1" // nobody is there, nor can come
	}))
	s.WaitReason(serverstatus.ReasonStoreUnreachable)
	s.Reconfigure(func(c *serverconfig.Config) { c.Storage.Endpoint = s.Store.Endpoint })
	s.WaitReady()
}

func TestSigningKeys(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	key := s.ReadFile("keys/k1")
	s.RemoveFile("keys/k1")
	if st := s.WaitReason(serverstatus.ReasonSigningKeysMissing); !strings.Contains(st.Message, `"k1"`) {
		t.Errorf("message %q", st.Message)
	}
	wantLater(t, s, "k1")
	s.WriteFile("keys/k1", "something else")
	s.WaitReason(serverstatus.ReasonSigningKeysMismatched)
	s.WriteFile("keys/k1", key)
	s.WaitReady()
}

// TestSigningKeyRotation: published, then signing, then retired; a token signed
// before the change works until its key is retired.
func TestSigningKeyRotation(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	o := lfstest.ObjectOf("during a rotation")
	old := s.Batch("upload", o)[0].Actions["verify"].Header["Authorization"]
	k2 := serverconfig.SigningKey{ID: "k2", Fingerprint: serverconfig.TokenHash("the second key")}
	// The configuration comes before the mounted file: nothing stops.
	s.Reconfigure(func(c *serverconfig.Config) { c.SigningKeys = append(c.SigningKeys, k2) })
	if resp, body := batchStatus(s); resp.StatusCode != 200 {
		t.Errorf("published, not mounted: %d: %s", resp.StatusCode, body)
	}
	s.WriteFile("keys/k2", "the second key")
	s.Reconfigure(func(c *serverconfig.Config) { c.SigningKeys[0].Signs, c.SigningKeys[1].Signs = false, true })
	s.WaitReady()
	fresh := s.Batch("upload", o)[0].Actions["verify"].Header["Authorization"]
	for name, token := range map[string]string{"old": old, "new": fresh} {
		if resp, _ := s.Post(s.Root()+"/verify", token, o); resp.StatusCode != 404 { // valid; the object is absent
			t.Errorf("%s token: %d", name, resp.StatusCode)
		}
	}
	s.Reconfigure(func(c *serverconfig.Config) { c.SigningKeys = c.SigningKeys[1:] })
	if resp, _ := s.Post(s.Root()+"/verify", old, o); resp.StatusCode != 401 {
		t.Errorf("token of a retired key: %d", resp.StatusCode)
	}
	if resp, _ := s.Post(s.Root()+"/verify", fresh, o); resp.StatusCode != 404 {
		t.Errorf("token of the key in force: %d", resp.StatusCode)
	}
}

// TestProbeLeavesNothing: probes clean up after themselves.
func TestProbeLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"unversioned": nil, "versioned": {"--versioning-dir", t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s := lfstest.Start(t, assets.StartStore(t, args...))
			caps := s.Status().Store.Capabilities
			if caps == nil || !caps.SignedChecksum || !caps.ConditionalWrites || !caps.PresignExpiry {
				t.Errorf("capabilities %+v", caps)
			}
			for info, err := range bucketOf(t, s).List(t.Context(), s.Config.Storage.Prefix+"meta/probe/", "") {
				t.Errorf("left: %s %v", info.Key, err)
			}
		})
	}
}

// TestCapabilities: what the probe finds of the stores that tests know.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	want := map[string]serverstatus.Capabilities{
		"versitygw": {SignedChecksum: true, ConditionalWrites: true, PresignExpiry: true},
		"minio": {
			SignedChecksum: true, ConditionalWrites: true, PresignExpiry: true, QuerySHA256: true,
			ObeysUnsigned: true, ForgedWrites: true, Browsers: true,
		},
	}[store.Kind()]
	s := lfstest.Start(t, store)
	if diff := cmp.Diff(&want, s.Status().Store.Capabilities); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if warned := strings.Contains(s.Log.String(), "uploads that nobody signed"); warned != want.ForgedWrites {
		t.Errorf("the log warns of forged uploads: %v", warned)
	}
}

// TestIncapableStores: what a store lacks is found and named, and nothing is
// served from it.
func TestIncapableStores(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lie  func(b objectstore.Bucket, r *http.Request) bool
		want string
	}{
		"stores whatever comes": {ignoreChecksums, "x-amz-checksum-sha256"},
		"misses no header":      {ignoreMissing, "x-amz-checksum-sha256"},
		"overwrites regardless": {ignoreConditions, "If-None-Match"},
		"knows no expiry":       {ignoreExpiry, "expiry"},
		"copies unasked":        {obeyCopySource, "headers that were not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			store := assets.SharedStore(t)
			var liar *liar
			s := lfstest.Start(t, store, lfstest.NotReady(), lfstest.WithConfig(func(c *serverconfig.Config) {
				c.Storage.Bucket = store.NewBucket(t)
				liar = startLiar(t, store, bucketFor(t, store, c.Storage), tc.lie)
				c.Storage.Endpoint = liar.URL
			}))
			st := s.WaitReason(serverstatus.ReasonStoreIncapable)
			if !strings.Contains(st.Message, tc.want) || st.Capabilities == nil {
				t.Errorf("message %q, capabilities %+v", st.Message, st.Capabilities)
			}
			wantLater(t, s, tc.want)
			liar.honest.Store(true)
			s.WaitReady()
		})
	}
}
