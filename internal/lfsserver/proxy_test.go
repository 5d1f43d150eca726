package lfsserver_test

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// startProxy runs a server whose clients cannot reach the store.
func startProxy(t *testing.T, dialect string) *lfstest.Server {
	t.Helper()
	return lfstest.Start(t, assets.SharedStore(t), splitting(dialect), lfstest.WithConfig(proxied))
}

// TestGitAboveSinglePut: stock git-lfs pushes an object above what the store takes
// in one PUT.
func TestGitAboveSinglePut(t *testing.T) {
	t.Parallel()
	const limit = 6 << 20
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(func(c *serverconfig.Config) { c.Storage.MaxPutBytes = limit }))
	for size, relayed := range map[int]bool{limit: false, limit + 1: true, 20 << 20: true} {
		link := s.Batch("upload", lfstest.ObjectOf(content(size)))[0].Actions["upload"].Href
		if got := strings.HasPrefix(link, s.URL); got != relayed {
			t.Errorf("%d bytes: the link is %s", size, link)
		}
	}
	b := newGitBox(t)
	work, _ := b.repository(s, lfstest.WriteToken)
	c := b.gitFile(work, 20<<20)
	b.git(work, "push", "origin", "main")
	if s.Download(lfstest.ObjectOf(c)) != c {
		t.Error("not what was pushed")
	}
	if left := listKeys(t, s, "staging/") + listKeys(t, s, "meta/streams/"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// TestGitProxy: push and clone, with a store that nobody but the server reaches.
func TestGitProxy(t *testing.T) {
	t.Parallel()
	s := startProxy(t, "")
	b := newGitBox(t)
	work, bare := b.repository(s, lfstest.WriteToken)
	if err := os.WriteFile(filepath.Join(work, "small.bin"), []byte("small"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := b.gitFile(work, 20<<20)
	b.git(work, "push", "origin", "main")
	clone := filepath.Join(b.home, "clone")
	b.git(b.home, "clone", "-c", "lfs.url="+withToken(t, s.Root(), lfstest.ReadToken), bare, clone)
	for name, want := range map[string]string{"large.bin": c, "small.bin": "small"} {
		if got, err := os.ReadFile(filepath.Join(clone, name)); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for _, direction := range []string{"up", "down"} {
		if got := metric(t, s, `lfs_server_relayed_bytes_total{direction="`+direction+`"}`); got != 20<<20+5 {
			t.Errorf("%s: %.0f bytes", direction, got)
		}
	}
	if strings.Contains(s.Log.String(), "/content/") {
		t.Error("the log holds a link")
	}
}

// TestProxyRanges: what resuming and chunking clients ask for.
func TestProxyRanges(t *testing.T) {
	t.Parallel()
	s := startProxy(t, "")
	c := content(3 << 20)
	o := s.Upload(c)
	link := s.Batch("download", o)[0].Actions["download"].Href
	etag := `"` + o.OID + `"`
	for name, tc := range map[string]struct {
		method string
		header map[string]string
		status int
		body   string
		rng    string
	}{
		"all":                    {"GET", nil, 200, c, ""},
		"header":                 {"HEAD", nil, 200, "", ""},
		"from the middle":        {"GET", map[string]string{"Range": "bytes=1048576-"}, 206, c[1<<20:], "bytes 1048576-3145727/3145728"},
		"a piece":                {"GET", map[string]string{"Range": "bytes=10-19"}, 206, c[10:20], "bytes 10-19/3145728"},
		"the end":                {"GET", map[string]string{"Range": "bytes=-5"}, 206, c[len(c)-5:], "bytes 3145723-3145727/3145728"},
		"beyond":                 {"GET", map[string]string{"Range": "bytes=3145728-"}, 416, "", "bytes */3145728"},
		"no range":               {"GET", map[string]string{"Range": "lines=1-2"}, 416, "", ""},
		"if it is the same":      {"GET", map[string]string{"Range": "bytes=10-19", "If-Range": etag}, 206, c[10:20], ""},
		"if it is another":       {"GET", map[string]string{"Range": "bytes=10-19", "If-Range": `"x"`}, 200, c, ""},
		"if it has changed":      {"GET", map[string]string{"If-None-Match": etag}, 304, "", ""},
		"if it has not":          {"GET", map[string]string{"If-Match": `"x"`}, 412, "", ""},
		"header of a range":      {"HEAD", map[string]string{"Range": "bytes=10-19"}, 206, "", "bytes 10-19/3145728"},
		"ranges that are a bomb": {"GET", map[string]string{"Range": "bytes=" + strings.Repeat("0-,", 50) + "0-"}, 200, c, ""},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(tc.method, link, nil)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range tc.header {
				req.Header.Set(k, v)
			}
			resp, body := do(t, req)
			if resp.StatusCode != tc.status || (tc.status < 300 && string(body) != tc.body) {
				t.Errorf("%s, %d bytes", resp.Status, len(body))
			}
			if got := resp.Header.Get("Content-Range"); tc.rng != "" && got != tc.rng {
				t.Errorf("Content-Range: %q", got)
			}
			if tc.status < 300 && (resp.Header.Get("ETag") != etag || resp.Header.Get("Accept-Ranges") != "bytes") {
				t.Errorf("%v", resp.Header)
			}
		})
	}
	req, err := http.NewRequest(http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=0-1,2000000-2000001")
	resp, body := do(t, req)
	if resp.StatusCode != 206 || !strings.Contains(string(body), c[0:2]) || !strings.Contains(string(body), c[2000000:2000002]) {
		t.Errorf("two ranges: %s, %d bytes", resp.Status, len(body))
	}
}

// TestProxyRefuses: links are good for what they were made for, and nothing wrong
// is stored.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	s := startProxy(t, "")
	there := s.Upload("there")
	fetch := s.Batch("download", there)[0].Actions["download"]
	for _, size := range []int{100, 20 << 20} {
		c := content(size)
		o := lfstest.ObjectOf(c)
		up := s.Batch("upload", o)[0].Actions["upload"]
		for name, tc := range map[string]struct {
			send func() int
			want int
		}{
			"wrong bytes":  {func() int { return s.Put(up, strings.NewReader(content(size)), o.Size) }, 422},
			"short":        {func() int { return s.Put(up, strings.NewReader(c[:10]), 10) }, 400},
			"long":         {func() int { return s.Put(up, strings.NewReader(c+"!"), o.Size+1) }, 413},
			"no length":    {func() int { return s.Put(up, io.MultiReader(strings.NewReader(c)), -1) }, 411},
			"a fetch link": {func() int { return s.Put(fetch, strings.NewReader("there"), 5) }, 403},
			"a bad link": {func() int {
				return s.Put(lfstest.Action{Href: up.Href[:len(up.Href)-4] + "AAAA"}, strings.NewReader(c), o.Size)
			}, 404},
			"get by its put": {func() int { r, _ := send(t, "GET", up.Href, "x", "", nil); return r.StatusCode }, 403},
			"cut off": {func() int {
				if err := putCutOff(http.MethodPut, up, c[:size/2], size); err != nil {
					t.Error(err)
				}
				return 0
			}, 0},
		} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				if got := tc.send(); got != tc.want {
					t.Errorf("%d, want %d", got, tc.want)
				}
				if got := s.Batch("download", o)[0]; got.Error == nil {
					t.Error("it is served")
				}
				s.Eventually("nothing is left", func() (bool, string) {
					left := listKeys(t, s, "staging/") + listKeys(t, s, "meta/streams/")
					return left == "", left
				})
			})
		}
		if got := s.Put(up, strings.NewReader(c), o.Size); got != 200 || s.Download(o) != c {
			t.Errorf("%d bytes, the right content after all that: %d", size, got)
		}
	}
	if resp, _ := send(t, http.MethodGet, s.Root()+"/content/"+strings.Repeat("A", 200), "x", "", nil); resp.StatusCode != 404 {
		t.Errorf("a link that is none: %s", resp.Status)
	}
}

// TestProxyDialects: every dialect works through the server.
func TestProxyDialects(t *testing.T) {
	t.Parallel()
	var sum tally
	for name, p := range uploadPaths {
		if p.needs != nil { // by what the store can do; here it need not do it
			continue
		}
		p.config = proxied
		t.Run(name, func(t *testing.T) {
			s := p.start(t)
			newCase(t, s, p, &sum).uploadRight()
			if up := metric(t, s, `lfs_server_relayed_bytes_total{direction="up"}`); up != float64(p.size) {
				t.Errorf("%.0f of %d bytes went through the server", up, p.size)
			}
		})
	}
}

// TestWantDigest: parts that come through the server are compared with the digest
// that the client sends, and one that differs does not count.
func TestWantDigest(t *testing.T) {
	t.Parallel()
	s := startProxy(t, "")
	client := ask{agent: "client/1", transfers: []string{"multipart", "basic"}}
	c := content(partSize + 12)
	o := lfstest.ObjectOf(c)
	_, a := client.upload(t, s, o)
	if len(a.Parts) != 2 || a.Parts[0].WantDigest != "sha-256, sha-512" {
		t.Fatalf("%+v", a.Parts)
	}
	first, last := c[:partSize], c[partSize:]
	sum256, sum512, sumMD5 := sha256.Sum256([]byte(first)), sha512.Sum512([]byte(first)), md5.Sum([]byte("x"))
	b64 := base64.StdEncoding.EncodeToString
	wrong := content(partSize)
	for _, tc := range []struct {
		name, body, digest string
		want, missing      int
	}{
		{"wrong content", wrong, "SHA-256=" + b64(sum256[:]), 422, 2},
		{"one of two wrong", first, "sha-256=" + b64(sum256[:]) + ", sha-512=" + b64(make([]byte, 64)), 422, 2},
		{"no digest at all", first, "sha-256=?", 400, 2},
		{"another length", first, "sha-256=" + b64(sum512[:]), 400, 2},
		{"right, and one that nobody asked for", first, "md5=" + b64(sumMD5[:]) + ",SHA-512=" + b64(sum512[:]), 200, 1},
		{"none", last, "", 200, 0},
	} {
		_, now := client.upload(t, s, o)
		req, err := http.NewRequest(http.MethodPut, now.Parts[0].Href, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		if tc.digest != "" {
			req.Header.Set("Digest", tc.digest)
		}
		if resp, body := do(t, req); resp.StatusCode != tc.want {
			t.Errorf("%s: %s: %s", tc.name, resp.Status, body)
		}
		if _, now := client.upload(t, s, o); len(now.Parts) != tc.missing {
			t.Errorf("%s: %d parts are missing", tc.name, len(now.Parts))
		}
	}
	if status, body := a.verify(t, o); status != 200 || s.Download(o) != c {
		t.Errorf("verify: %d: %s", status, body)
	}
	direct := startSplitting(t, "Auto")
	if _, a := client.upload(t, direct, o); a.Parts[0].WantDigest != "" {
		t.Error("offered where nobody would look at it")
	}
}
