package lfsserver_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// tusLink asks for an upload as git-lfs with lfs.tustransfers does.
func tusLink(t *testing.T, s *lfstest.Server, o lfstest.Object) *actions {
	t.Helper()
	transfer, a := ask{agent: agentGit, transfers: []string{"lfs-standalone-file", "tus", "basic", "ssh"}}.upload(t, s, o)
	if transfer != "tus" {
		t.Fatalf("transfer %q", transfer)
	}
	return a
}

// tus sends one request; headers are name, value, name, value.
func tus(t *testing.T, method, url string, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	resp, _ := do(t, req)
	return resp
}

func patch(t *testing.T, url string, offset int64, body string, headers ...string) *http.Response {
	t.Helper()
	return tus(t, http.MethodPatch, url, strings.NewReader(body), append([]string{
		"Content-Type", "application/offset+octet-stream", "Upload-Offset", strconv.FormatInt(offset, 10)}, headers...)...)
}

// offsetOf an upload as HEAD says it.
func offsetOf(t *testing.T, url string) int64 {
	t.Helper()
	resp := tus(t, http.MethodHead, url, nil)
	n, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	if resp.StatusCode != 200 || err != nil {
		t.Fatalf("HEAD: %s, Upload-Offset %q", resp.Status, resp.Header.Get("Upload-Offset"))
	}
	return n
}

// moved is a link at another replica.
func moved(s *lfstest.Server, url string) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return s.URL + "/" + path
}

func TestTus(t *testing.T) {
	t.Parallel()
	s := startSplitting(t, "Auto")
	c := content(6 << 20)
	o := lfstest.ObjectOf(c)
	a := tusLink(t, s, o)
	link := a.Upload.Href
	if got := offsetOf(t, link); got != 0 {
		t.Errorf("offset %d at the beginning", got)
	}
	for pos := 0; pos < len(c); pos += 1 << 20 {
		resp := patch(t, link, int64(pos), c[pos:pos+1<<20])
		if resp.StatusCode != 204 || resp.Header.Get("Upload-Offset") != fmt.Sprint(pos+1<<20) || resp.Header.Get("Upload-Expires") == "" || resp.Header.Get("Tus-Resumable") != "1.0.0" {
			t.Fatalf("PATCH at %d: %s, %v", pos, resp.Status, resp.Header)
		}
		if got := offsetOf(t, link); got != int64(pos+1<<20) {
			t.Fatalf("offset %d after %d", got, pos+1<<20)
		}
	}
	if status, body := a.verify(t, o); status != 200 {
		t.Errorf("verify: %d: %s", status, body)
	}
	if s.Download(o) != c {
		t.Error("not what was uploaded")
	}
	if left := listKeys(t, s, "staging/") + listKeys(t, s, "meta/streams/"); left != "" {
		t.Errorf("left behind: %s", left)
	}
	if log := s.Log.String(); strings.Contains(log, link[strings.LastIndexByte(link, '/')+1:]) || !strings.Contains(log, `"dialect":"tus"`) {
		t.Error("the log holds the link's token, or not the dialect")
	}
}

func TestTusRefuses(t *testing.T) {
	t.Parallel()
	s := startSplitting(t, "Auto")
	// Not ready on a store that refuses links of tomorrow.
	later := replicaOf(t, s, lfstest.NotReady(), lfstest.WithOptions(func(o *lfsserver.Options) {
		o.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	}))
	c := content(2 << 20)
	o := lfstest.ObjectOf(c)
	link := tusLink(t, s, o).Upload.Href
	patch(t, link, 0, c[:1000])
	bad := link[:len(link)-4] + "AAAA"
	verify := s.Root() + "/tus/" + strings.TrimPrefix(s.Batch("upload", o)[0].Actions["verify"].Header["Authorization"], "Bearer ")
	for name, tc := range map[string]struct {
		send func() *http.Response
		want int
	}{
		"no version":             {func() *http.Response { return tus(t, "HEAD", link, nil, "Tus-Resumable", "") }, 412},
		"another version":        {func() *http.Response { return patch(t, link, 1000, c[1000:], "Tus-Resumable", "0.2.2") }, 412},
		"another content type":   {func() *http.Response { return patch(t, link, 1000, c[1000:], "Content-Type", "text/plain") }, 415},
		"no offset":              {func() *http.Response { return patch(t, link, 1000, c[1000:], "Upload-Offset", "") }, 400},
		"a negative offset":      {func() *http.Response { return patch(t, link, -1, c) }, 400},
		"an offset too low":      {func() *http.Response { return patch(t, link, 0, c) }, 409},
		"an offset too high":     {func() *http.Response { return patch(t, link, 2000, c[2000:]) }, 409},
		"an offset beyond":       {func() *http.Response { return patch(t, link, 1<<40, "x") }, 413},
		"too long":               {func() *http.Response { return patch(t, link, 1000, c) }, 413},
		"too long, no length":    {func() *http.Response { return tusChunked(t, link, 1000, c[1000:]+"!") }, 413},
		"a token that is none":   {func() *http.Response { return tus(t, "HEAD", bad, nil) }, 404},
		"a token that expired":   {func() *http.Response { return tus(t, "HEAD", moved(later, link), nil) }, 410},
		"a token for another":    {func() *http.Response { return tus(t, "HEAD", verify, nil) }, 403},
		"another method":         {func() *http.Response { return tus(t, "POST", link, nil) }, 405},
		"another method, really": {func() *http.Response { return tus(t, "GET", link, nil) }, 405},
	} {
		t.Run(name, func(t *testing.T) {
			if resp := tc.send(); resp.StatusCode != tc.want {
				t.Errorf("%s, want %d", resp.Status, tc.want)
			}
		})
	}
	resp := tus(t, http.MethodPost, link, strings.NewReader(c[offsetOf(t, link):]), "X-HTTP-Method-Override", "PATCH",
		"Content-Type", "application/offset+octet-stream", "Upload-Offset", fmt.Sprint(offsetOf(t, link)))
	if resp.StatusCode != 204 || s.Download(o) != c {
		t.Errorf("all that did no harm, and the rest: %s", resp.Status)
	}
	resp = tus(t, http.MethodOptions, link, nil, "Tus-Resumable", "")
	if resp.StatusCode != 204 || resp.Header.Get("Tus-Version") != "1.0.0" || !strings.Contains(resp.Header.Get("Access-Control-Allow-Headers"), "Upload-Offset") ||
		!strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), "PATCH") || resp.Header.Get("Tus-Extension") == "" {
		t.Errorf("OPTIONS: %s, %v", resp.Status, resp.Header)
	}
}

// tusChunked is a PATCH whose length nobody says.
func tusChunked(t *testing.T, url string, offset int64, body string) *http.Response {
	t.Helper()
	return tus(t, http.MethodPatch, url, io.MultiReader(strings.NewReader(body)),
		"Content-Type", "application/offset+octet-stream", "Upload-Offset", fmt.Sprint(offset))
}

func TestTusDelete(t *testing.T) {
	t.Parallel()
	s := startSplitting(t, "Auto")
	c := content(2 << 20)
	o := lfstest.ObjectOf(c)
	link := tusLink(t, s, o).Upload.Href
	patch(t, link, 0, c[:1000])
	if resp := tus(t, http.MethodDelete, link, nil); resp.StatusCode != 204 || offsetOf(t, link) != 0 || listKeys(t, s, "staging/") != "" {
		t.Errorf("%s, and something is left", resp.Status)
	}
	patch(t, link, 0, c)
	if resp := tus(t, http.MethodDelete, link, nil); resp.StatusCode != 204 || s.Download(o) != c {
		t.Errorf("%s, and the object is gone", resp.Status)
	}
}

// TestTusEmpty: a client that is told an offset of 0 of 0 sends nothing at all.
func TestTusEmpty(t *testing.T) {
	t.Parallel()
	s := startSplitting(t, "Auto")
	// tus is for batches with a large object in them.
	resp, body := send(t, http.MethodPost, s.Root()+"/objects/batch", agentGit, lfstest.Basic(lfstest.WriteToken), map[string]any{
		"operation": "upload", "transfers": []string{"tus", "basic"},
		"objects": []lfstest.Object{lfstest.ObjectOf(content(2 << 20)), lfstest.ObjectOf(""), {OID: lfstest.OID("x"), Size: 0}},
	})
	var links []string
	for _, part := range strings.Split(string(body), `"href":"`)[1:] {
		if link, _, _ := strings.Cut(part, `"`); strings.Contains(link, "/tus/") {
			links = append(links, link)
		}
	}
	if len(links) != 3 {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	if offsetOf(t, links[1]) != 0 || s.Download(lfstest.ObjectOf("")) != "" {
		t.Error("the empty object is not there")
	}
	if resp := tus(t, http.MethodHead, links[2], nil); resp.StatusCode != 422 {
		t.Errorf("an empty object with another OID: %s", resp.Status)
	}
}

func TestTusWrongContent(t *testing.T) {
	t.Parallel()
	s := startSplitting(t, "Auto")
	for _, size := range []int{2 << 20, 20 << 20} {
		c := content(size)
		o := lfstest.ObjectOf(c)
		a := tusLink(t, s, o)
		if resp := patch(t, a.Upload.Href, 0, content(size)); resp.StatusCode != 422 {
			t.Errorf("%d bytes: %s", size, resp.Status)
		}
		if got := s.Batch("download", o)[0]; got.Error == nil {
			t.Errorf("%d bytes: it is served", size)
		}
		if status, _ := a.verify(t, o); status != 404 {
			t.Errorf("%d bytes: verify: %d", size, status)
		}
		if left := listKeys(t, s, "staging/") + listKeys(t, s, "meta/streams/"); left != "" {
			t.Errorf("%d bytes: left behind: %s", size, left)
		}
		if resp := patch(t, a.Upload.Href, offsetOf(t, a.Upload.Href), c); resp.StatusCode != 204 || s.Download(o) != c {
			t.Errorf("%d bytes: the right content after it: %s", size, resp.Status)
		}
	}
}

// cutting is a listener whose first connection to bring that many bytes breaks.
type cutting struct {
	net.Listener
	after int64
	done  atomic.Bool
}

func (l *cutting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &cuttingConn{Conn: conn, l: l}, err
}

type cuttingConn struct {
	net.Conn
	l  *cutting
	mu sync.Mutex
	n  int64
}

func (c *cuttingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n += int64(n); c.n > c.l.after && c.l.done.CompareAndSwap(false, true) {
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		c.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// gitFile commits a file of that size and returns its content.
func (b *gitBox) gitFile(work string, size int) string {
	b.t.Helper()
	c := content(size)
	if err := os.WriteFile(filepath.Join(work, "large.bin"), []byte(c), 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.git(work, "add", ".")
	b.git(work, "commit", "-m", "file")
	return c
}

// TestTusGit: git-lfs pushes by tus; the connection breaks in the middle, and it
// goes on from where it was.
func TestTusGit(t *testing.T) {
	t.Parallel()
	const size, cut = 40 << 20, 25 << 20
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Multipart = serverconfig.Multipart{ThresholdBytes: 1 << 20, PartSizeBytes: partSize}
	}), lfstest.WithOptions(func(o *lfsserver.Options) { o.APIListener = &cutting{Listener: o.APIListener, after: cut} }))
	b := newGitBox(t)
	work, _ := b.repository(s, lfstest.WriteToken)
	b.git(work, "config", "lfs.tustransfers", "true")
	c := b.gitFile(work, size)
	out := b.git(work, "push", "origin", "main")
	if s.Download(lfstest.ObjectOf(c)) != c {
		t.Errorf("not what was pushed:\n%s", out)
	}
	// Without going on it would be the whole file again.
	if got := metric(t, s, `lfs_server_relayed_bytes_total{direction="up"}`); got < size || got > size+cut-(16<<20)+(1<<20) {
		t.Errorf("%.0f bytes came through", got)
	}
	if !strings.Contains(s.Log.String(), `"operation":"verify"`) {
		t.Error("not verified")
	}
}

// TestTusOtherReplica: a client whose server goes away in the middle goes on at
// another.
func TestTusOtherReplica(t *testing.T) {
	t.Parallel()
	first := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Multipart = serverconfig.Multipart{ThresholdBytes: 1 << 20, PartSizeBytes: partSize}
	}), lfstest.WithOptions(func(o *lfsserver.Options) { o.DrainTimeout = time.Millisecond }))
	second := replicaOf(t, first)
	c := content(40 << 20)
	o := lfstest.ObjectOf(c)
	link := tusLink(t, first, o).Upload.Href
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, _ := http.NewRequest(http.MethodPatch, link, r)
		req.ContentLength = o.Size
		req.Header.Set("Tus-Resumable", "1.0.0")
		req.Header.Set("Upload-Offset", "0")
		req.Header.Set("Content-Type", "application/offset+octet-stream")
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
		_ = r.Close()
	}()
	if _, err := io.WriteString(w, c[:20<<20]); err != nil {
		t.Fatal(err)
	}
	// What the server has in its hands is lost, what it has registered is not.
	first.Eventually("a part is registered", func() (bool, string) {
		body, _, err := bucketOf(t, first).Get(t.Context(), listKeys(t, first, "meta/streams/"), "")
		if err != nil {
			return false, err.Error()
		}
		defer body.Close()
		raw, err := io.ReadAll(body)
		return err == nil && strings.Contains(string(raw), `"offset":16777216`), string(raw)
	})
	first.Stop()
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	<-done
	offset := offsetOf(t, moved(second, link))
	if offset != 16<<20 {
		t.Errorf("offset %d", offset)
	}
	if resp := patch(t, moved(second, link), offset, c[offset:]); resp.StatusCode != 204 {
		t.Fatalf("the rest: %s", resp.Status)
	}
	if second.Download(o) != c {
		t.Error("not what was uploaded")
	}
}

// metric is what /metrics says.
func metric(t *testing.T, s *lfstest.Server, name string) float64 {
	t.Helper()
	_, body := admin(s, "GET", "/metrics", "", nil)
	_, after, _ := strings.Cut(string(body), "\n"+name+" ")
	line, _, _ := strings.Cut(after, "\n")
	n, err := strconv.ParseFloat(line, 64)
	if err != nil {
		t.Fatalf("%s: %q", name, line)
	}
	return n
}
