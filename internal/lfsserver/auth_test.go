package lfsserver_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestCredentials: how tokens are sent, with anonymous reading off and on. Who may
// ask which route is TestAuthMatrix.
func TestCredentials(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	closed := lfstest.Start(t, store)
	open := lfstest.Start(t, store, lfstest.WithConfig(func(c *serverconfig.Config) { c.Access.AnonymousRead = true }))
	o := lfstest.ObjectOf("whatever")
	for name, tc := range map[string]struct {
		authorization                            string
		download, upload, openDownload, openLoad int
	}{
		"nobody":                    {"", 401, 401, 200, 401},
		"write token":               {lfstest.Basic(lfstest.WriteToken), 200, 200, 200, 200},
		"read token":                {lfstest.Basic(lfstest.ReadToken), 200, 403, 200, 403},
		"write token as Bearer":     {"Bearer " + lfstest.WriteToken, 200, 200, 200, 200},
		"read token as Bearer":      {"bearer " + lfstest.ReadToken, 200, 403, 200, 403},
		"token as the user name":    {"Basic " + base64Of(lfstest.WriteToken+":"), 200, 200, 200, 200},
		"expired":                   {lfstest.Basic(lfstest.ExpiredToken), 401, 401, 401, 401},
		"wrong token":               {lfstest.Basic("lfs_nonsense"), 401, 401, 401, 401},
		"the hash of a token":       {lfstest.Basic(serverconfig.TokenHash(lfstest.WriteToken)), 401, 401, 401, 401},
		"empty password and user":   {"Basic " + base64Of(":"), 401, 401, 401, 401},
		"Basic without colon":       {"Basic " + base64Of(lfstest.WriteToken), 401, 401, 401, 401},
		"Basic that is no base64":   {"Basic %%%", 401, 401, 401, 401},
		"Bearer of nothing":         {"Bearer ", 401, 401, 401, 401},
		"a scheme that is not ours": {"Digest " + lfstest.WriteToken, 401, 401, 401, 401},
		"the status token":          {"Bearer " + lfstest.StatusToken, 401, 401, 401, 401},
		"the scan token":            {"Bearer " + lfstest.ScanToken, 401, 401, 401, 401},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				s         *lfstest.Server
				operation string
				want      int
			}{{closed, "download", tc.download}, {closed, "upload", tc.upload}, {open, "download", tc.openDownload}, {open, "upload", tc.openLoad}} {
				body := fmt.Sprintf(`{"operation":%q,"objects":[%s]}`, c.operation, object(o.OID, o.Size))
				resp, raw := c.s.Post(c.s.Root()+"/objects/batch", tc.authorization, []byte(body))
				if resp.StatusCode != c.want {
					t.Errorf("%s (anonymous read %v): %d, want %d: %s", c.operation, c.s == open, resp.StatusCode, c.want, raw)
				}
				asks := resp.Header.Get("LFS-Authenticate")
				if (resp.StatusCode == 401) != strings.HasPrefix(asks, "Basic ") {
					t.Errorf("%s: %d with LFS-Authenticate %q", c.operation, resp.StatusCode, asks)
				}
				if resp.Header.Get("WWW-Authenticate") != "" {
					t.Errorf("%s: WWW-Authenticate would open a browser's dialog", c.operation)
				}
			}
		})
	}
	for _, s := range []*lfstest.Server{closed, open} {
		for _, secret := range []string{lfstest.WriteToken, lfstest.ReadToken, lfstest.ExpiredToken, "X-Amz-Signature", s.Store.SecretKey, "goroutine"} {
			if strings.Contains(s.Log.String(), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
	}
}

// TestTokensOfOthers: an action token opens nothing at another repository, even
// one that shares the signing key.
func TestTokensOfOthers(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	a := lfstest.Start(t, store)
	o := a.Upload("an object of a")
	b := lfstest.Start(t, store, lfstest.WithConfig(func(c *serverconfig.Config) { c.SigningKeys = a.Config.SigningKeys }),
		lfstest.WithFile("keys/k1", a.ReadFile("keys/k1")))
	foreign := a.Batch("upload", lfstest.ObjectOf("another"))[0].Actions["verify"].Header["Authorization"]
	if resp, body := b.Post(b.Root()+"/verify", foreign, lfstest.ObjectOf("another")); resp.StatusCode != 403 {
		t.Errorf("another repository's token: %d: %s", resp.StatusCode, body)
	}
	if got := b.Batch("download", o)[0]; got.Error == nil || got.Error.Code != 404 {
		t.Errorf("an object of another repository: %+v", got)
	}
	if got := b.Batch("upload", o)[0]; got.Actions == nil {
		t.Errorf("knowing an OID of another repository is enough: %+v", got)
	}
}

// TestReadOnlyStore: uploads are refused with the reason, whoever asks, and
// downloads go on; nobody without rights learns of it.
func TestReadOnlyStore(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	o := s.Upload("before")
	s.Reconfigure(func(c *serverconfig.Config) { c.Policy.ReadOnly = true })
	for token, want := range map[string]struct {
		status int
		says   string
	}{
		lfstest.WriteToken: {403, "read-only at the moment"},
		lfstest.ReadToken:  {403, "scope Write to push"},
	} {
		body := fmt.Sprintf(`{"operation":"upload","objects":[%s]}`, object(o.OID, o.Size))
		resp, raw := s.Post(s.Root()+"/objects/batch", lfstest.Basic(token), []byte(body))
		if resp.StatusCode != want.status || !strings.Contains(string(raw), want.says) {
			t.Errorf("upload: %d %s, want %d %q", resp.StatusCode, raw, want.status, want.says)
		}
	}
	if got := s.Download(o); got != "before" {
		t.Errorf("downloaded %q", got)
	}
	s.Reconfigure(func(c *serverconfig.Config) { c.Policy.ReadOnly = false })
	s.Upload("after")
}
