package lfsserver_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

func TestReloadTokens(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	ask := func(token string) int {
		resp, _ := s.Post(s.Root()+"/objects/batch", lfstest.Basic(token), []byte(`{"operation":"upload","objects":[]}`))
		return resp.StatusCode
	}
	if got := ask("a new token"); got != 401 {
		t.Fatalf("before: %d", got)
	}
	s.Reconfigure(func(c *serverconfig.Config) {
		c.Repository.Generation = 7
		c.Access.Tokens = append(c.Access.Tokens, serverconfig.Token{Name: "new", Scope: serverconfig.ScopeWrite, SHA256: serverconfig.TokenHash("a new token")})
	})
	if st := s.Status(); st.Config.Generation != 7 || !st.Store.Ready {
		t.Errorf("status %+v", st)
	}
	if got := ask("a new token"); got != 200 {
		t.Errorf("a new token: %d", got)
	}
	if got := ask(lfstest.WriteToken); got != 200 {
		t.Errorf("the token before it: %d", got)
	}
	s.Reconfigure(func(c *serverconfig.Config) { c.Access.Tokens = nil })
	if got := ask("a new token"); got != 401 {
		t.Errorf("a token that was taken away: %d", got)
	}
}

// TestBadConfigurationIsKeptOut: the old one stays in force, the status says
// why, and Secrets that come meanwhile count.
func TestBadConfigurationIsKeptOut(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"not YAML":              "{",
		"an unknown field":      "nonsense: true\n",
		"empty":                 "",
		"a hash too long":       "repository: {namespace: a, name: b, uid: c, generation: 2}\nstorage: {endpoint: \"http://x\", bucket: x, region: y}\naccess: {tokens: [{name: t, scope: Read, sha256: \"" + strings.Repeat("ab", 40) + "\"}]}\n",
		"a store without a URL": "repository: {namespace: a, name: b, uid: c, generation: 2}\nstorage: {endpoint: nowhere, bucket: x, region: y}\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := lfstest.Start(t, assets.SharedStore(t))
			good, hash := s.ReadFile("config.yaml"), s.Status().Config.Hash
			s.WriteFile("config.yaml", bad)
			s.Eventually("the error is reported", func() (bool, string) {
				e := s.Status().Config.Error
				return e != "", e
			})
			st := s.Status()
			if st.Config.Hash != hash || st.Config.Generation != 1 || !st.Store.Ready {
				t.Errorf("status %+v", st)
			}
			s.Upload("still served by the old one: " + name)
			s.RemoveFile("credentials")
			s.WaitReason("CredentialsMissing")
			s.WriteFile("config.yaml", good)
			s.PutCredentials(s.Store.AccessKey, s.Store.SecretKey)
			s.WaitReady()
			s.Eventually("the error is gone", func() (bool, string) {
				e := s.Status().Config.Error
				return e == "", e
			})
		})
	}
}

func TestNoConfigurationAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"missing": "", "bad": "nonsense: true"} {
		file := filepath.Join(dir, name)
		if content != "" {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := lfsserver.New(lfsserver.Options{ConfigFile: file, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "configuration") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReloadDropsNothing: requests all the while, and every one is answered.
func TestReloadDropsNothing(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	o := s.Upload("asked for again and again")
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if a := s.Batch("download", o)[0]; a.Actions == nil {
					t.Errorf("an answer without a link: %+v", a)
					return
				}
			}
		})
	}
	for i := range 20 {
		s.Reconfigure(func(c *serverconfig.Config) { c.Repository.Generation = int64(i + 2) })
	}
	close(done)
	group.Wait()
}

// TestDrain: a server that is told to stop goes on with pushes under way and sends
// others elsewhere, whether it is of one repository or of many.
func TestDrain(t *testing.T) {
	t.Parallel()
	store, slow := assets.SharedStore(t), func(o *lfsserver.Options) { o.DrainDelay = 15 * time.Second }
	t.Run("of one", func(t *testing.T) {
		t.Parallel()
		s := lfstest.Start(t, store, lfstest.WithOptions(slow))
		drains(t, s, s)
	})
	t.Run("of many", func(t *testing.T) {
		t.Parallel()
		shared := lfstest.StartShared(t, store, slow)
		shared.Member("team-b", "refused", func(c *serverconfig.Config) { c.Storage.Endpoint = "nowhere" }).Begin()
		drains(t, shared.Add("team-a", "models"), shared.Server)
	})
}

// drains stops a process, and asks s meanwhile.
func drains(t *testing.T, s, process *lfstest.Server) {
	o := s.Upload("before the end")
	process.Stop()
	s.Eventually("the status says that it drains", func() (bool, string) { return s.Status().Draining, "not yet" })
	resp, body := s.Post(s.Root()+"/objects/batch", lfstest.Basic(s.Token), map[string]any{"operation": "download", "objects": []any{o}})
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || !resp.Close {
		t.Errorf("batch while draining: %d, Retry-After %q, close %v: %s", resp.StatusCode, resp.Header.Get("Retry-After"), resp.Close, body)
	}
	if resp, body := s.Post(s.Root()+"/verify", lfstest.Basic(s.Token), o); resp.StatusCode != 200 {
		t.Errorf("verify while draining: %d: %s", resp.StatusCode, body)
	}
	// Readiness too: where it is the only pod, clients still come here.
	for _, probe := range []string{"/healthz", "/readyz"} {
		if resp, _ := http.Get(s.Admin + probe); resp.StatusCode != 200 {
			t.Errorf("%s: %d while draining", probe, resp.StatusCode)
		}
	}
	if err := process.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(s.Admin + "/healthz"); err == nil {
		t.Error("it still answers")
	}
}
