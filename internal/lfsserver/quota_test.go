package lfsserver_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

func withQuota(bytes int64) lfstest.Option {
	return lfstest.WithConfig(func(c *serverconfig.Config) { c.Policy.QuotaBytes = bytes })
}

// admitted asks for an upload, again while the server counts, and returns the refusal
// of it, if any.
func admitted(t *testing.T, s *lfstest.Server, o lfstest.Object) (a lfstest.Answer) {
	t.Helper()
	s.Eventually("the batch is answered", func() (bool, string) {
		resp, body := s.Post(s.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken), map[string]any{
			"operation": "upload", "transfers": []string{"basic"}, "objects": []lfstest.Object{o},
		})
		if resp.StatusCode != 200 {
			return false, string(body)
		}
		a = s.Batch("upload", o)[0]
		return true, ""
	})
	return a
}

// TestQuota: pushes by 16 clients to two servers fill the quota and do not pass it;
// what does not fit is told so, object by object; what goes makes room; and what is
// there can be fetched and pushed again all the while.
func TestQuota(t *testing.T) {
	t.Parallel()
	const limit, size = 400 << 10, 10 << 10
	a := lfstest.Start(t, assets.SharedStore(t), withQuota(limit))
	servers := []*lfstest.Server{a, replicaOf(t, a)}
	var stored, refused atomic.Int64
	var one atomic.Value // of the contents that were let in
	var group sync.WaitGroup
	push := func(s *lfstest.Server, n int) {
		content := strings.Repeat(fmt.Sprintf("%05d", n), size/5)
		o := lfstest.ObjectOf(content)
		answer := admitted(t, s, o)
		if e := answer.Error; e != nil {
			refused.Add(1)
			if e.Code != 413 || !strings.Contains(e.Message, "of your 400 KiB quota") || !strings.Contains(e.Message, "10 KiB does not fit") {
				t.Errorf("%d %s", e.Code, e.Message)
			}
			return
		}
		if status := s.Put(answer.Actions["upload"], strings.NewReader(content), o.Size); status != 200 {
			t.Errorf("put: %d", status)
		}
		stored.Add(o.Size)
		one.Store(content)
	}
	for i := range 16 {
		group.Go(func() {
			for n := range 5 {
				push(servers[i%2], 10*i+n)
			}
		})
	}
	group.Wait()
	if refused.Load() == 0 {
		t.Fatal("nothing was refused")
	}
	// While two servers take and count, either may refuse what fits after all.
	more := 1000
	a.Eventually("the quota can be used up", func() (bool, string) {
		if stored.Load() >= limit*9/10 {
			return true, ""
		}
		more++
		push(a, more)
		return false, fmt.Sprint(stored.Load(), " bytes")
	})
	if got := stored.Load(); got > limit {
		t.Fatalf("%d bytes were admitted of %d", got, limit)
	}

	there := one.Load().(string)
	if answer := admitted(t, servers[0], lfstest.ObjectOf(there)); answer.Error != nil || answer.Actions != nil {
		t.Errorf("an object that is there: %+v", answer)
	}
	if got := a.Download(lfstest.ObjectOf(there)); got != there {
		t.Error("the download is another object")
	}
	mixed := a.Batch("upload", lfstest.ObjectOf(there), lfstest.ObjectOf(strings.Repeat("x", limit)))
	if mixed[0].Error != nil || mixed[1].Error == nil || mixed[1].Error.Code != 413 {
		t.Errorf("a batch of one that is there and one that does not fit: %+v", mixed)
	}

	// What was let in and never counted is claimed as long as its link lives.
	bucket := bucketFor(t, a.Store, a.Config.Storage)
	a.Eventually("all is counted", func() (bool, string) {
		a.Batch("upload", lfstest.ObjectOf(strings.Repeat("x", limit))) // refused, so it has the servers count
		raw, _, err := objectstore.ReadSmall(t.Context(), bucket, layout.Prefix(a.Config.Storage.Prefix).Quota(), "", 1<<20)
		return err == nil && !strings.Contains(string(raw), "oid"), fmt.Sprintf("%s %v", raw, err)
	})
	for info, err := range bucket.List(t.Context(), a.Config.Storage.Prefix+"lfs/", "") {
		if err != nil {
			t.Fatal(err)
		}
		if err := bucket.Delete(t.Context(), info.Key, ""); err != nil {
			t.Fatal(err)
		}
	}
	a.Eventually("what was deleted makes room", func() (bool, string) {
		answer := a.Batch("upload", lfstest.ObjectOf(strings.Repeat("y", limit/2)))[0]
		return answer.Error == nil, fmt.Sprint(answer.Error)
	})
}

// TestQuotaChanges: a limit that comes, rises and goes is in force at once.
func TestQuotaChanges(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	s.Upload(strings.Repeat("a", 900))
	set := func(bytes int64) {
		s.Reconfigure(func(c *serverconfig.Config) { c.Policy.QuotaBytes = bytes })
	}
	next := lfstest.ObjectOf(strings.Repeat("b", 200))
	set(1000)
	if answer := admitted(t, s, next); answer.Error == nil || !strings.Contains(answer.Error.Message, "900 B of your 1000 B") {
		t.Errorf("beyond a new quota: %+v", answer.Error)
	}
	set(2000)
	if answer := admitted(t, s, next); answer.Error != nil {
		t.Errorf("within a larger one: %+v", answer.Error)
	}
	set(0)
	if answer := admitted(t, s, lfstest.ObjectOf(strings.Repeat("c", 5000))); answer.Error != nil {
		t.Errorf("without one: %+v", answer.Error)
	}
}
