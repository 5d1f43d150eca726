package lfsserver_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// startSlow runs a server that works on one request at a time, on a store that
// takes its time over every object.
func startSlow(t *testing.T) *lfstest.Server {
	store := assets.SharedStore(t)
	return lfstest.Start(t, store, lfstest.WithConfig(twoWriters), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Access.AnonymousRead = true
		c.Storage.Bucket = store.NewBucket(t)
		c.Storage.Endpoint = startLiar(t, store, bucketFor(t, store, c.Storage), func(_ objectstore.Bucket, r *http.Request) bool {
			if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/lfs/") {
				time.Sleep(50 * time.Millisecond)
			}
			return false
		}).URL
	}), lfstest.WithOptions(func(o *lfsserver.Options) { o.AtOnce, o.LockPatience = 1, time.Minute }))
}

// TestFlood: whoever is flooded out is told when to come back and never that
// something is broken; others are served meanwhile, and what cannot be repeated is
// not refused.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := startSlow(t)
	o := lfstest.ObjectOf("something")
	download := map[string]any{"operation": "download", "objects": []lfstest.Object{o}}
	stop := make(chan struct{})
	var flood sync.WaitGroup
	statuses := make(chan int, 100)
	for range 80 {
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, body := send(t, http.MethodPost, s.Root()+"/objects/batch", agentGit, "", download)
				after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
				if resp.StatusCode != 200 && (resp.StatusCode != 429 || after < 1 || after > 120) {
					t.Errorf("flood: %s, Retry-After %d: %s", resp.Status, after, body)
				}
				select {
				case statuses <- resp.StatusCode:
				default: // nobody looks any more
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	s.Eventually("the server is overloaded", func() (bool, string) { return <-statuses == 429, "200" })
	for _, token := range []string{lfstest.WriteToken, otherToken} {
		for i := range 3 {
			status, _ := askLocks(t, s, "POST", "/locks", token, map[string]any{"path": fmt.Sprint(token, i)})
			if status != 201 {
				t.Errorf("a lock: %d", status)
			}
			resp, body := s.Post(s.Root()+"/verify", lfstest.Basic(token), o)
			if resp.StatusCode != 404 {
				t.Errorf("verify: %s: %s", resp.Status, body)
			}
		}
	}
	s.Eventually("somebody with a name is served", func() (bool, string) {
		resp, _ := send(t, http.MethodPost, s.Root()+"/objects/batch", agentGit, lfstest.Basic(otherToken), download)
		return resp.StatusCode == 200, resp.Status
	})
	close(stop)
	flood.Wait()
}

// TestSilentConnections: whoever connects and says nothing keeps nobody out.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithOptions(func(o *lfsserver.Options) { o.MaxConnections = 8 }))
	var silent []net.Conn
	for range 40 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
	}
	s.Upload("something all the same")
	for i, c := range silent[:20] {
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !strings.Contains(fmt.Sprint(err), "reset") {
			t.Errorf("silent connection %d: %v, want it closed", i, err)
		}
	}
}

// TestLargeBodies: many that send long requests slowly take no more memory than
// there is, and keep nobody with a short one waiting.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	slowly := func() {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "POST %s/objects/batch HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Length: 500000\r\n\r\n{",
			strings.TrimPrefix(s.Root(), s.URL), strings.TrimPrefix(s.URL, "http://"), lfstest.Basic(lfstest.WriteToken))
	}
	for range 40 {
		slowly()
	}
	long := []byte(`{"operation":"download","objects":[]` + strings.Repeat(" ", 100_000) + `}`)
	s.Eventually("a long one has to wait", func() (bool, string) {
		resp, _ := s.Post(s.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken), long)
		slowly() // the one that was let in may have taken a place from those above
		return resp.StatusCode == 429 && resp.Header.Get("Retry-After") != "", resp.Status
	})
	s.Upload("a short one does not")
}
