package lfsserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// origin is a page that uploads.
const origin = "https://page.example"

// preflight asks as a browser does before it sends a request with these headers
// (Fetch standard, "CORS-preflight fetch"), and fails where a browser would.
func preflight(t *testing.T, method, url string, header map[string]string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodOptions, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range header {
		names = append(names, strings.ToLower(name))
	}
	req.Header.Set("Origin", origin)
	req.Header.Set("Access-Control-Request-Method", method)
	req.Header.Set("Access-Control-Request-Headers", strings.Join(names, ", "))
	resp, body := do(t, req)
	allowed := strings.ToLower(resp.Header.Get("Access-Control-Allow-Headers"))
	for _, name := range names {
		if allowed != "*" && !strings.Contains(allowed, name) {
			t.Errorf("%s %s: the header %s is not allowed among %q", method, req.URL.Path, name, allowed)
		}
	}
	from := resp.Header.Get("Access-Control-Allow-Origin")
	if resp.StatusCode >= 300 || (from != "*" && from != origin) || !strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), method) {
		t.Fatalf("%s %s: a browser would stop here: %s, %v: %s", method, req.URL.Path, resp.Status, resp.Header, body)
	}
}

// TestBrowser: a page uploads straight to a bucket that the server has made, in one
// piece and in parts, whose ETags it can read.
func TestBrowser(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	s := lfstest.Start(t, store, splitting("Auto"), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Storage.Bucket, c.Storage.CreateBucket = "made-for-browsers", true
	}))
	if !s.Status().Store.Capabilities.Browsers {
		t.Error("the status does not say that browsers can upload")
	}
	request := map[string]string{"Authorization": "Bearer x", "Content-Type": "application/vnd.git-lfs+json", "Accept": "x"}
	preflight(t, http.MethodPost, s.Root()+"/objects/batch", request)
	for name, c := range map[string]string{"one piece": content(1000), "parts": content(twoParts)} {
		t.Run(name, func(t *testing.T) {
			o := lfstest.ObjectOf(c)
			p := uploadPaths["superset as Hugging Face"]
			if len(c) < aboveThreshold {
				p = uploadPaths["basic"]
			}
			_, a := p.ask.upload(t, s, o)
			for _, piece := range p.pieces(t, a, o.Size) {
				header := map[string]string{"Content-Type": "application/octet-stream"} // browsers add it
				for k, v := range piece.link.Header {
					header[k] = v
				}
				preflight(t, piece.method, piece.link.Href, header)
				req, err := http.NewRequest(piece.method, piece.link.Href, strings.NewReader(c[piece.pos:piece.pos+piece.size]))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Origin", origin)
				for k, v := range header {
					req.Header.Set(k, v)
				}
				resp, body := do(t, req)
				if resp.StatusCode != http.StatusOK || !strings.Contains(strings.ToLower(resp.Header.Get("Access-Control-Expose-Headers")), "etag") {
					t.Fatalf("upload: %s, %v: %s", resp.Status, resp.Header, body)
				}
			}
			if status := p.finish(t, a, o); status != http.StatusOK || s.Download(o) != c {
				t.Errorf("finished with %d", status)
			}
		})
	}
}

// TestBucketOfOthers: rules of a bucket that the server has not made stay as they are.
func TestBucketOfOthers(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(func(c *serverconfig.Config) { c.Storage.CreateBucket = true }))
	if got, global := s.Status().Store.Capabilities.Browsers, s.Store.Kind() == "minio"; got != global {
		t.Errorf("browsers can upload: %v, without anybody having allowed it", got)
	}
}
