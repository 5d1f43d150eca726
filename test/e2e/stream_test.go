//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

const (
	// streamed is the size of a pushed file; more than two parts of 16 MiB.
	streamed = 40 << 20
	// streamedAt is how much of it has been sent when something happens.
	streamedAt = 25 << 20
)

// wire is a way to a server on which a test counts bytes. git-lfs takes it for a
// proxy, so that URLs stay those that the server knows.
type wire struct {
	net.Listener
	to string
	// at is called once, in between, when that many bytes have been sent; the
	// connection stands still meanwhile, and breaks when it returns true.
	at   func() (cut bool)
	done atomic.Bool
	sent atomic.Int64
	// still is held by at. All other connections stand still as well: git-lfs, which
	// has lost its server, is to find the next one there and not a closed door.
	still sync.RWMutex
}

func newWire(t *testing.T, to string, at func() (cut bool)) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	w := &wire{Listener: l, to: to, at: at}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(conn)
		}
	}()
	return w
}

func (w *wire) carry(from net.Conn) {
	defer from.Close()
	w.wait()
	to, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer to.Close()
	go func() {
		_, _ = io.Copy(from, to)
		w.wait()
		from.Close()
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if w.sent.Add(int64(n)) >= streamedAt && w.done.CompareAndSwap(false, true) && w.stop() {
			return
		}
		if _, werr := to.Write(b[:n]); werr != nil || err != nil {
			return
		}
	}
}

func (w *wire) stop() (cut bool) {
	w.still.Lock()
	defer w.still.Unlock()
	return w.at()
}

// wait returns when nothing stands still.
func (w *wire) wait() {
	w.still.RLock()
	defer w.still.RUnlock()
}

// TestTusResume: a push by tus goes on where it was when the connection breaks, and
// when the server's pod is killed.
func TestTusResume(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]func(t *testing.T, r *harness.Repository) (cut bool){
		"cut": func(*testing.T, *harness.Repository) bool { return true },
		"killed": func(t *testing.T, r *harness.Repository) bool {
			for _, p := range serverPods(t, r) {
				kubectl(t, "-n", r.Namespace, "delete", "pod", p.Metadata.Name, "--grace-period=0", "--force")
			}
			waitReady(t, r, readyLimit)
			until(t, readyLimit, "the way to the new pods is open", func() (bool, string) {
				resp, err := http.Get("http://" + r.Host() + "/")
				if err != nil {
					return false, err.Error()
				}
				return resp.Body.Close() == nil, ""
			})
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := readyRepository(t, harness.Repository{Name: "tus-" + name, Spec: "  multipart: {threshold: 10M}\n  server: {replicas: 2}\n"})
			way := newWire(t, r.Host(), func() bool { return what(t, r) })
			w := workTree(t, r)
			noError(t, w.All(t.Context(), []string{"config", "lfs.tustransfers", "true"},
				[]string{"config", "http.http://" + r.Host() + "/.proxy", "http://" + way.Addr().String()}))
			oid := random(t, w, "large.bin", streamed)
			noError(t, r.Push(t.Context(), w))
			if !way.done.Load() {
				t.Fatal("the push did not come this way")
			}
			// Two parts were in the store; without going on it would be all again.
			if sent := way.sent.Load(); sent > streamed+streamedAt-(10<<20) {
				t.Errorf("%d bytes were sent for a file of %d", sent, streamed)
			}
			if !stored(t, r, oid) {
				t.Error("it is not there")
			}
			cloneIsSame(t, r, w)
			if left := keys(t, r.Bucket, status(t, r).Location.Prefix+"meta/streams/"); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// TestAboveSinglePut: stock git-lfs pushes an object that the store would not take
// in one PUT.
func TestAboveSinglePut(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "above"})
	kubectl(t, "-n", r.Namespace, "annotate", "lfsrepository", r.Name, "lfs-operator.dev/max-put-size=8Mi")
	c := client(t, r)
	until(t, reloadLimit, "an upload link to the server", func() (bool, string) {
		_, o := newContent(9 << 20)
		link := c.batch("upload", o).only().Actions["upload"].Href
		return strings.HasPrefix(link, "http://"+r.Host()+"/"), link
	})
	w := workTree(t, r)
	random(t, w, "large.bin", 20e6)
	random(t, w, "small.bin", 1e6)
	noError(t, r.Push(t.Context(), w))
	cloneIsSame(t, r, w)
}

// TestProxyTransfer: push, clone and a range, with a store that nobody but the
// server reaches.
func TestProxyTransfer(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "proxied", PublicEndpoint: "http://store.invalid", Spec: "  transfer: Proxy\n"})
	w := workTree(t, r)
	oid := random(t, w, "large.bin", 20e6)
	random(t, w, filepath.Join("some", "small.bin"), 1e5)
	noError(t, r.Push(t.Context(), w))
	cloneIsSame(t, r, w)

	link := client(t, r).batch("download", object{OID: oid, Size: 20e6}).only().Actions["download"].Href
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	noError(t, err)
	req.Header.Set("Range", "bytes=19999990-")
	resp, err := http.DefaultClient.Do(req)
	noError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	noError(t, err)
	if want := fmt.Sprintf("bytes 19999990-19999999/%d", int(20e6)); resp.StatusCode != http.StatusPartialContent || resp.Header.Get("Content-Range") != want || len(body) != 10 {
		t.Errorf("a range: %s, %q, %d bytes", resp.Status, resp.Header.Get("Content-Range"), len(body))
	}
}
