package locks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/locks"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

const prefix = layout.Prefix("p/")

// world is a bucket of a real store.
type world struct {
	t      *testing.T
	s3     *objectstore.S3
	signer *objectstore.URLSigner
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store := assets.SharedStore(t)
	e, err := objectstore.ParseEndpoint(store.Endpoint, store.Region, store.NewBucket(t), false)
	if err != nil {
		t.Fatal(err)
	}
	creds := objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey}
	transport := objectstore.NewTransport(nil)
	t.Cleanup(transport.CloseIdleConnections)
	s3, err := objectstore.NewS3(e, creds, transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s3.Put(t.Context(), prefix.Owner(), strings.NewReader("{}"), 2, objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, s3: s3, signer: objectstore.NewURLSigner(e, creds, time.Now)}
}

// replica is a server that remembers nothing, on a store that may be faulty.
func replica(b objectstore.Bucket) *locks.Service {
	return &locks.Service{Bucket: b, Prefix: prefix, Cache: locks.NewCache(locks.MaxCached), Now: time.Now}
}

func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	w.t.Cleanup(cancel)
	return ctx
}

func (w *world) must(l locks.Lock, err error) locks.Lock {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// all lists everything in pages.
func (w *world) all(s *locks.Service, limit int) (paths []string, pages int) {
	w.t.Helper()
	for cursor := ""; ; pages++ {
		page, err := s.List(w.ctx(), cursor, limit)
		if err != nil {
			w.t.Fatal(err)
		}
		if limit > 0 && len(page.Locks) > limit {
			w.t.Errorf("a page of %d locks, want at most %d", len(page.Locks), limit)
		}
		for _, l := range page.Locks {
			paths = append(paths, l.Path)
		}
		if cursor = page.Next; cursor == "" {
			slices.Sort(paths)
			return paths, pages + 1
		}
	}
}

// removerOf deletes as servers do.
func (w *world) remover() locks.Remover {
	return locks.Remover{Presign: w.signer, Do: func(r *http.Request) (*http.Response, error) { return w.s3.Do(r, "delete") }}
}

// faulty is a store with faults and a count of what it was asked.
type faulty struct {
	objectstore.Bucket
	gets atomic.Int64

	mu sync.Mutex
	// diesAt is the call at which the server is killed, before it or after it took
	// effect; 0 never.
	diesAt int
	after  bool
	calls  int
	// lose every second answer of a write that took effect.
	lose bool
	puts int
}

var errKilled = errors.New("killed")

func (f *faulty) call(do func() error) error {
	f.mu.Lock()
	f.calls++
	n := f.calls
	f.mu.Unlock()
	if f.diesAt > 0 && (n > f.diesAt || n == f.diesAt && !f.after) {
		return errKilled
	}
	err := do()
	if n == f.diesAt {
		return errKilled
	}
	return err
}

func (f *faulty) Put(ctx context.Context, key string, body io.Reader, size int64, cond objectstore.Condition) (i objectstore.Info, err error) {
	err = f.call(func() (err error) { i, err = f.Bucket.Put(ctx, key, body, size, cond); return })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.puts++; f.lose && err == nil && f.puts%2 == 1 {
		return objectstore.Info{}, fmt.Errorf("%w: no answer", objectstore.ErrUnavailable)
	}
	return i, err
}

func (f *faulty) Get(ctx context.Context, key, etag string) (b io.ReadCloser, i objectstore.Info, err error) {
	f.gets.Add(1)
	err = f.call(func() (err error) { b, i, err = f.Bucket.Get(ctx, key, etag); return })
	return b, i, err
}

func (f *faulty) List(ctx context.Context, prefix, after string) iter.Seq2[objectstore.Info, error] {
	return f.Bucket.List(ctx, prefix, after)
}

// TestOneWinner: of many that want a path, on two servers, exactly one gets it,
// round after round, also where every second answer is lost; the others learn
// who it was.
func TestOneWinner(t *testing.T) {
	const clients, rounds = 24, 6
	for name, lose := range map[string]bool{"all answers arrive": false, "answers are lost": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			servers := []*locks.Service{replica(&faulty{Bucket: w.s3, lose: lose}), replica(&faulty{Bucket: w.s3, lose: lose})}
			for round := range rounds {
				var group sync.WaitGroup
				got := make([]locks.Lock, clients)
				errs := make([]error, clients)
				for i := range clients {
					group.Go(func() { got[i], errs[i] = servers[i%2].Create(w.ctx(), "a.bin", fmt.Sprint("client ", i), "") })
				}
				group.Wait()
				winner := slices.Index(errs, nil)
				if winner < 0 {
					t.Fatalf("round %d: nobody won: %v", round, errs)
				}
				for i, err := range errs {
					var held *locks.HeldError
					switch {
					case i == winner:
					case err == nil:
						t.Fatalf("round %d: both %d and %d won", round, winner, i)
					case !errors.As(err, &held) || held.Lock != got[winner]:
						t.Fatalf("round %d: client %d: %v, want held by %v", round, i, err, got[winner])
					}
				}
				w.must(servers[round%2].Release(w.ctx(), got[winner].ID, got[winner].Owner, false))
			}
		})
	}
}

// TestKilled: a server is killed at each of its calls, before and after. The path
// is then held by whoever asked, or free, and can be released and taken.
func TestKilled(t *testing.T) {
	w := newWorld(t)
	for _, after := range []bool{false, true} {
		for n := 1; n <= 4; n++ {
			for _, tombstone := range []bool{false, true} {
				path := fmt.Sprintf("%v/%d/%v", after, n, tombstone)
				alive := replica(w.s3)
				if tombstone {
					l := w.must(alive.Create(w.ctx(), path, "first", ""))
					w.must(alive.Release(w.ctx(), l.ID, "first", false))
				}
				_, _ = replica(&faulty{Bucket: w.s3, diesAt: n, after: after}).Create(w.ctx(), path, "killed", "")
				list, err := alive.ByPath(w.ctx(), path)
				if err != nil || len(list) > 1 || len(list) == 1 && list[0].Owner != "killed" {
					t.Fatalf("%s: %v, %v", path, list, err)
				}
				if len(list) == 0 {
					list = []locks.Lock{w.must(alive.Create(w.ctx(), path, "killed", ""))}
				}
				_, _ = replica(&faulty{Bucket: w.s3, diesAt: n, after: after}).Release(w.ctx(), list[0].ID, "killed", false)
				w.must(alive.Release(w.ctx(), list[0].ID, "killed", false)) // again, since no answer came
				w.must(alive.Create(w.ctx(), path, "second", ""))
			}
		}
	}
}

func TestRelease(t *testing.T) {
	w := newWorld(t)
	s := replica(w.s3)
	l := w.must(s.Create(w.ctx(), "dir/a.bin", "alice", "refs/heads/main"))
	var foreign *locks.ForeignError
	if _, err := s.Release(w.ctx(), l.ID, "bob", false); !errors.As(err, &foreign) || foreign.Lock != l {
		t.Errorf("another's lock: %v", err)
	}
	if got := w.must(s.Release(w.ctx(), l.ID, "bob", true)); got != l {
		t.Errorf("by force: %+v, want %+v", got, l)
	}
	if _, err := s.Release(w.ctx(), l.ID, "alice", false); !errors.Is(err, locks.ErrNone) {
		t.Errorf("what another has released: %v", err)
	}
	next := w.must(s.Create(w.ctx(), "dir/a.bin", "bob", ""))
	if next.ID == l.ID {
		t.Error("two locks have one ID")
	}
	for _, id := range []string{l.ID, "", "x", "../" + l.ID, l.ID + "x", strings.ToUpper(l.ID), next.ID[:33] + strings.Repeat("a", 13)} {
		if _, err := s.Release(w.ctx(), id, "bob", true); !errors.Is(err, locks.ErrNone) {
			t.Errorf("ID %q: %v", id, err)
		}
	}
	if got, err := s.ByPath(w.ctx(), "./dir//a.bin"); err != nil || !slices.Equal(got, []locks.Lock{next}) {
		t.Errorf("after all that: %v, %v", got, err)
	}
}

// TestPages: every lock is on exactly one page, released ones on none, and
// something that is no lock harms nobody.
func TestPages(t *testing.T) {
	w := newWorld(t)
	s := replica(w.s3)
	var want []string
	for i := range 30 {
		path := fmt.Sprintf("%02d.bin", i)
		l := w.must(s.Create(w.ctx(), path, "alice", ""))
		if i%3 == 0 {
			w.must(s.Release(w.ctx(), l.ID, "alice", false))
		} else {
			want = append(want, path)
		}
	}
	for _, key := range []string{prefix.Lock(strings.Repeat("0", 32)), prefix.Locks() + "other"} {
		if _, err := w.s3.Put(w.ctx(), key, strings.NewReader("?"), 1, objectstore.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{0, 1, 7, 20, 21, 5000} {
		for name, server := range map[string]*locks.Service{"warm": s, "cold": replica(w.s3)} {
			if got, _ := w.all(server, limit); !slices.Equal(got, want) {
				t.Errorf("limit %d, %s: %v", limit, name, got)
			}
		}
	}
	// A cursor of one server is good at another, and after what it was made from
	// is gone.
	page, err := s.List(w.ctx(), "", 7)
	if err != nil {
		t.Fatal(err)
	}
	next, err := replica(w.s3).List(w.ctx(), page.Next, 0)
	if err != nil || len(next.Locks) != len(want)-7 || slices.Contains(next.Locks, page.Locks[6]) {
		t.Errorf("at another server: %d locks, %v", len(next.Locks), err)
	}
	if _, err := s.List(w.ctx(), "../x", 0); !errors.Is(err, locks.ErrCursor) {
		t.Errorf("a cursor from elsewhere: %v", err)
	}
}

// TestRemembered: a server lists what others have locked without reading lock by
// lock, and sees at once what has changed.
func TestRemembered(t *testing.T) {
	w := newWorld(t)
	first := replica(w.s3)
	var want []string
	var ids []string
	for i := range 1100 { // more than a store lists at once
		l := w.must(first.Create(w.ctx(), fmt.Sprintf("%04d.bin", i), "alice", ""))
		want, ids = append(want, l.Path), append(ids, l.ID)
	}
	// Saving is in the background; it is done for 1024 of them at the least.
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		counted := &faulty{Bucket: w.s3}
		if got, _ := w.all(replica(counted), 0); !slices.Equal(got, want) {
			t.Fatalf("%d locks, want %d", len(got), len(want))
		}
		if counted.gets.Load() < 150 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d reads to list %d locks", counted.gets.Load(), len(want))
		}
	}
	second := replica(w.s3)
	w.all(second, 0)
	w.must(first.Release(w.ctx(), ids[0], "alice", false))
	l := w.must(first.Create(w.ctx(), want[0], "bob", ""))
	w.must(first.Release(w.ctx(), ids[1], "alice", false))
	var now []locks.Lock
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := second.List(w.ctx(), cursor, 0)
		if err != nil {
			t.Fatal(err)
		}
		now, cursor = append(now, page.Locks...), page.Next
	}
	if !slices.Contains(now, l) || len(now) != len(want)-1 {
		t.Errorf("%d locks, want %d with %v", len(now), len(want)-1, l)
	}
}

// keys of locks that lie in the bucket.
func (w *world) keys() (keys []string) {
	w.t.Helper()
	for info, err := range w.s3.List(w.ctx(), prefix.Locks(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// TestSharedListing: many who list at once see what was locked before they asked,
// and the store is not asked by each.
func TestSharedListing(t *testing.T) {
	w := newWorld(t)
	counted := &faulty{Bucket: w.s3}
	s := replica(counted)
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			l := w.must(s.Create(w.ctx(), fmt.Sprint(i), "alice", ""))
			page, err := s.List(w.ctx(), "", 0)
			if err != nil || !slices.Contains(page.Locks, l) {
				t.Errorf("%d is not listed: %v", i, err)
			}
		})
	}
	group.Wait()
}

func TestTidy(t *testing.T) {
	w := newWorld(t)
	s := replica(w.s3)
	gone := w.must(s.Create(w.ctx(), "gone.bin", "alice", ""))
	w.must(s.Release(w.ctx(), gone.ID, "alice", false))
	w.must(s.Create(w.ctx(), "held.bin", "alice", ""))
	if n, err := s.Tidy(w.ctx(), time.Hour, w.remover()); n != 0 || err != nil {
		t.Errorf("young ones: %d, %v", n, err)
	}
	if n, err := replica(w.s3).Tidy(w.ctx(), -time.Hour, w.remover()); n != 1 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
	if keys := w.keys(); len(keys) != 1 {
		t.Errorf("left: %v", keys)
	}
	if got, _ := w.all(s, 0); !slices.Equal(got, []string{"held.bin"}) {
		t.Errorf("held: %v", got)
	}
	w.must(s.Create(w.ctx(), "gone.bin", "bob", ""))
}

// TestLateDelete: the DELETE of a tombstone is late. Whoever locks the path waits
// until it is dead, and it does not take the new lock with it.
func TestLateDelete(t *testing.T) {
	w := newWorld(t)
	s := replica(w.s3)
	l := w.must(s.Create(w.ctx(), "a.bin", "alice", ""))
	w.must(s.Release(w.ctx(), l.ID, "alice", false))
	var late *http.Request
	held := locks.Remover{Presign: w.signer, Do: func(r *http.Request) (*http.Response, error) {
		late = r.Clone(w.ctx())
		return nil, objectstore.ErrUnavailable
	}}
	if _, err := s.Tidy(w.ctx(), -time.Hour, held); err == nil || late == nil {
		t.Fatalf("no DELETE was held back: %v", err)
	}
	// Nobody may be faster than the DELETE: a second tidying neither.
	if n, err := replica(w.s3).Tidy(w.ctx(), -time.Hour, w.remover()); n != 0 || err != nil {
		t.Errorf("a second tidying: %d, %v", n, err)
	}
	next := w.must(replica(w.s3).Create(w.ctx(), "a.bin", "bob", ""))
	resp, err := w.s3.Do(late, "delete")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got, err := s.ByPath(w.ctx(), "a.bin"); err != nil || !slices.Equal(got, []locks.Lock{next}) {
		t.Errorf("after the late DELETE (%s): %v, %v", resp.Status, got, err)
	}
}

func TestCleanPath(t *testing.T) {
	for path, want := range map[string]string{
		"a": "a", "dir/a.bin": "dir/a.bin", "./a": "a", "a//b/./c": "a/b/c", "ä ö/日本.bin": "ä ö/日本.bin",
		"...": "...", "..a/b..": "..a/b..", `a\b`: `a\b`, strings.Repeat("x", 4096): strings.Repeat("x", 4096),
		"": "", ".": "", "./": "", "..": "", "a/../b": "", "../a": "", "a/..": "", "/a": "", "/": "", "dir/": "",
		"a\x00b": "", "a\nb": "", "\x1b[2J": "", "a\u0085": "", "\xff": "", strings.Repeat("x", 4097): "",
	} {
		got, err := locks.CleanPath(path)
		var bad *locks.PathError
		if got != want || (want == "") != errors.As(err, &bad) {
			t.Errorf("%.40q: %.40q, %v", path, got, err)
		}
	}
	w := newWorld(t)
	if _, err := replica(w.s3).Create(w.ctx(), "a", "alice", "refs/heads/"+strings.Repeat("x", 1024)); err == nil {
		t.Error("a ref without end was taken")
	}
	if keys := w.keys(); len(keys) > 0 {
		t.Errorf("left: %v", keys)
	}
}
