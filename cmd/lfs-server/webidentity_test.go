package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

const audience = "sts.amazonaws.com"

// roled is a store with a role, and what a pod has that may assume it.
type roled struct {
	issuer *assets.Issuer
	store  *assets.Store
	dir    string
	config serverconfig.Config
}

// newRoled skips on the store that knows no roles; make test-minio runs these tests.
func newRoled(t *testing.T) *roled {
	t.Helper()
	r := &roled{issuer: assets.NewIssuer(t), dir: t.TempDir()}
	if assets.SharedStore(t).Kind() != "minio" {
		t.Skip("the store knows no roles; make test-minio runs this")
	}
	r.store = assets.StartStoreTrusting(t, r.issuer.Trust(t, audience))
	r.config = serverconfig.Config{
		Repository: serverconfig.Repository{Namespace: "team-a", Name: "models", UID: "1"},
		Storage: serverconfig.Storage{
			Endpoint: r.store.Endpoint, Region: r.store.Region, Bucket: r.store.NewBucket(t), Prefix: "new/",
			WebIdentity: &serverconfig.WebIdentity{
				STS: r.store.Endpoint, RoleARN: r.store.RoleARN, Audience: audience, ServiceAccount: "team-a/models-lfs",
			},
		},
	}
	r.write(t, "token", r.token(t, audience))
	return r
}

func (r *roled) token(t *testing.T, audience string) string {
	return r.issuer.Token(t, "system:serviceaccount:team-a:models-lfs", audience)
}

func (r *roled) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// flags of a subcommand that is mounted a token and no key.
func (r *roled) flags(more ...string) []string {
	return append(more, "--credentials-dir", filepath.Join(r.dir, "none"), "--store-token-file", filepath.Join(r.dir, "token"))
}

// admin is the store as its administrator sees it.
func (r *roled) admin(t *testing.T) *objectstore.S3 {
	t.Helper()
	r.write(t, serverconfig.KeyAccessKeyID, r.store.AccessKey)
	r.write(t, serverconfig.KeySecretAccessKey, r.store.SecretKey)
	to, err := storeOptions{credentialsDir: r.dir}.connect(&r.config)
	if err != nil {
		t.Fatal(err)
	}
	return to.bucket
}

// TestJobsByWebIdentity: what lies there is adopted and purged by a role, without a key.
func TestJobsByWebIdentity(t *testing.T) {
	r := newRoled(t)
	bucket, content := r.admin(t), "taken over"
	if _, err := bucket.Put(t.Context(), "old/"+lfstest.OID(content), strings.NewReader(content), int64(len(content)), objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
	r.config.AdoptFrom = &serverconfig.AdoptFrom{Bucket: r.config.Storage.Bucket, Prefix: "old/"}
	raw, err := serverconfig.Marshal(&r.config)
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, "config.yaml", string(raw))
	if err := adoptObjects(t.Context(), r.flags("--config", filepath.Join(r.dir, "config.yaml")), io.Discard); err != nil {
		t.Fatal(err)
	}
	final := layout.Prefix("new/").Object(lfstest.OID(content))
	if info, err := bucket.Head(t.Context(), final); err != nil || info.Size != int64(len(content)) {
		t.Errorf("at the final key: %+v, %v", info, err)
	}
	t.Setenv(serverconfig.EnvPurgeConfig, string(raw))
	if err := purgeData(t.Context(), r.flags(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Head(t.Context(), final); !errors.Is(err, objectstore.ErrNotFound) {
		t.Errorf("after the purge: %v", err)
	}
	if _, err := bucket.Head(t.Context(), "old/"+lfstest.OID(content)); err != nil {
		t.Errorf("what was adopted from: %v", err)
	}
}

// TestProbeByWebIdentity: a role is tried as a key is; one that is refused is told with
// who, where and what to do, and without the token.
func TestProbeByWebIdentity(t *testing.T) {
	r := newRoled(t)
	st := r.config.Storage
	raw, err := serverconfig.Marshal(&serverconfig.Config{Storage: st})
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := serverconfig.MarshalIssuer(&serverconfig.Issuer{Store: "s", Storage: st, STS: st.WebIdentity.STS, RoleARN: st.WebIdentity.RoleARN, DurationSeconds: 86400})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(serverconfig.EnvProbeConfig, string(raw))
	t.Setenv(serverconfig.EnvSessionsConfig, string(issuer))
	probe := func() (found serverstatus.Store) {
		t.Helper()
		out := filepath.Join(r.dir, "answer")
		if err := probeStore(t.Context(), r.flags("--answer-file", out), io.Discard); err != nil {
			t.Fatal(err)
		}
		answer, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(answer, &found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := probe(); !found.Ready || found.Sessions == nil || !found.Sessions.Bound {
		t.Errorf("found %+v, sessions %+v", found, found.Sessions)
	}
	wrong := r.token(t, "somebody-else")
	r.write(t, "token", wrong)
	found := probe()
	if found.Reason != serverstatus.ReasonWebIdentityRefused || strings.Contains(found.Message, wrong) {
		t.Errorf("refused: %+v", found)
	}
	for _, want := range []string{st.WebIdentity.STS, st.WebIdentity.RoleARN, "system:serviceaccount:team-a:models-lfs", "audience " + audience} {
		if !strings.Contains(found.Message, want) {
			t.Errorf("the message does not say %q: %s", want, found.Message)
		}
	}
}
