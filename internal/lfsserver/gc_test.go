package lfsserver_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// collector plays the part of garbage collection in the bucket.
type collector struct {
	t      *testing.T
	s      *lfstest.Server
	bucket objectstore.Bucket
	prefix layout.Prefix
	last   index.Read
}

func newCollector(t *testing.T, s *lfstest.Server) *collector {
	return &collector{t: t, s: s, bucket: bucketOf(t, s), prefix: layout.Prefix(s.Config.Storage.Prefix)}
}

// list writes an index that has these objects in that state.
func (c *collector) list(state index.State, objects ...lfstest.Object) {
	c.t.Helper()
	next := index.Index{Header: index.Header{Generation: c.last.Generation + 1, Nonce: index.Nonce()}}
	if state == index.Deleting {
		next.Owner, next.LeaseEnd = "a run", time.Now().Add(time.Hour)
	}
	for _, o := range objects {
		next.Entries = append(next.Entries, index.Entry{OID: o.OID, State: state, Size: o.Size, Since: next.Generation, Reason: "test"})
	}
	var err error
	if c.last, err = index.Store(c.t.Context(), c.bucket, c.prefix, c.last, next); err != nil {
		c.t.Fatal(err)
	}
}

func (c *collector) rescued() map[string]bool {
	c.t.Helper()
	markers, err := index.Markers(c.t.Context(), c.bucket, c.prefix)
	if err != nil {
		c.t.Fatal(err)
	}
	out := map[string]bool{}
	for _, m := range markers {
		if m.Generation == c.last.Generation {
			out[m.OID] = true
		}
	}
	return out
}

// TestCondemned: asking to upload what is condemned keeps it, there or not;
// downloading does not, and neither does asking for anything else.
func TestCondemned(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	c := newCollector(t, s)
	there, read, absent, free := s.Upload("condemned"), s.Upload("condemned, only read"), lfstest.ObjectOf("condemned and gone"), s.Upload("free")
	c.list(index.Condemned, there, read, absent)
	if got := s.Batch("download", there, read)[1]; got.Actions == nil {
		t.Errorf("a condemned object is not served: %+v", got)
	}
	if got := c.rescued(); len(got) != 0 {
		t.Errorf("rescued by a download: %v", got)
	}
	answers := s.Batch("upload", there, absent, free)
	if answers[0].Actions != nil || answers[1].Actions == nil || answers[2].Actions != nil {
		t.Errorf("answers %+v", answers)
	}
	if got := c.rescued(); len(got) != 2 || !got[there.OID] || !got[absent.OID] {
		t.Errorf("rescued %v", got)
	}
	// The next generation wants markers of its own.
	c.list(index.Condemned, there)
	s.Batch("upload", there)
	if got := c.rescued(); !got[there.OID] {
		t.Errorf("rescued in the next generation: %v", got)
	}
}

// TestDeleting: neither "there" nor a link, but later.
func TestDeleting(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	c := newCollector(t, s)
	doomed, free := s.Upload("doomed"), s.Upload("free")
	c.list(index.Deleting, doomed)
	body := map[string]any{"operation": "upload", "objects": []lfstest.Object{free, doomed}}
	resp, raw := s.Post(s.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken), body)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "15" {
		t.Errorf("%d, Retry-After %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), raw)
	}
	if got := s.Batch("upload", free)[0]; got.Error != nil || got.Actions != nil {
		t.Errorf("an object beside it: %+v", got)
	}
	c.list(index.Condemned)
	if got := s.Batch("upload", doomed)[0]; got.Error != nil || got.Actions != nil {
		t.Errorf("after the run: %+v", got)
	}
}

// TestMalformedIndex: what cannot be understood is not ignored.
func TestMalformedIndex(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	c := newCollector(t, s)
	if _, err := c.bucket.Put(t.Context(), c.prefix.GCIndex(), strings.NewReader("nonsense"), 8, objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
	if resp, body := batchStatus(s); resp.StatusCode != 429 {
		t.Errorf("%d: %s", resp.StatusCode, body)
	}
}

// TestPruned: a download of what was pruned says so, with the policy.
func TestPruned(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	c := newCollector(t, s)
	o := s.Upload("pruned soon")
	if err := index.WriteTombstone(t.Context(), c.bucket, c.prefix, index.Tombstone{
		OID: o.OID, Reason: "superseded", Policy: "keepVersions: 5", Run: "run-1", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if got := s.Download(o); got != "pruned soon" {
		t.Errorf("with a tombstone, but there: %q", got)
	}
	c.list(index.Deleting, o)
	if err := c.bucket.Delete(t.Context(), c.prefix.Object(o.OID), ""); err != nil {
		t.Fatal(err)
	}
	c.list(index.Condemned)
	got := s.Batch("download", o)[0]
	if got.Error == nil || got.Error.Code != 410 || !strings.Contains(got.Error.Message, "keepVersions: 5") {
		t.Errorf("answer %+v", got)
	}
	if got := s.Upload("pruned soon"); s.Download(got) != "pruned soon" {
		t.Error("it cannot be uploaded again")
	}
}

// TestConditionalGet: the calls of package objectstore that others rest on.
func TestConditionalGet(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	b := bucketOf(t, s)
	info, err := b.Put(t.Context(), "x", strings.NewReader("one"), 3, objectstore.Condition{IfAbsent: true})
	if err != nil || info.Date.IsZero() {
		t.Fatalf("%+v %v", info, err)
	}
	if _, _, err := b.Get(t.Context(), "x", info.ETag); !errors.Is(err, objectstore.ErrNotModified) {
		t.Errorf("get with the ETag: %v", err)
	}
	if _, err := b.Put(t.Context(), "x", strings.NewReader("two"), 3, objectstore.Condition{IfAbsent: true}); !errors.Is(err, objectstore.ErrPreconditionFailed) {
		t.Errorf("put where something is: %v", err)
	}
	if _, err := b.Put(t.Context(), "x", strings.NewReader("two"), 3, objectstore.Condition{IfMatch: "0" + info.ETag[1:]}); !errors.Is(err, objectstore.ErrPreconditionFailed) {
		t.Errorf("put with another ETag: %v", err)
	}
	if _, err := b.Put(t.Context(), "x", strings.NewReader("two"), 3, objectstore.Condition{IfMatch: info.ETag}); err != nil {
		t.Errorf("put with the ETag: %v", err)
	}
	head, err := b.Head(t.Context(), "x")
	if err != nil || head.Size != 3 || head.LastModified.IsZero() || head.Date.IsZero() || head.ETag == info.ETag {
		t.Errorf("head: %+v %v", head, err)
	}
	if err := b.Delete(t.Context(), "x", ""); err != nil {
		t.Error(err)
	}
	if err := b.Delete(t.Context(), "x", ""); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
	if _, err := b.Head(t.Context(), "x"); !errors.Is(err, objectstore.ErrNotFound) {
		t.Errorf("head of nothing: %v", err)
	}
	if _, _, err := b.Get(t.Context(), "x", ""); !errors.Is(err, objectstore.ErrNotFound) {
		t.Errorf("get of nothing: %v", err)
	}
}
