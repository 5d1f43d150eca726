package index_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

const prefix = layout.Prefix("p/")

func entry(name string, s index.State) index.Entry {
	return index.Entry{OID: gctest.OID(name), State: s, Size: 3, ETag: "e", Since: 1, Reason: "superseded", Path: "a b/ü.bin"}
}

// written stores an index with these entries.
func written(t *testing.T, b objectstore.Bucket, change func(*index.Index), entries ...index.Entry) index.Read {
	t.Helper()
	r, err := index.Load(t.Context(), b, prefix)
	if err != nil {
		t.Fatal(err)
	}
	next := r.Next()
	next.Entries = entries
	if change != nil {
		change(&next)
	}
	got, err := index.Store(t.Context(), b, prefix, r, next)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRoundTrip(t *testing.T) {
	b := gctest.NewMemory()
	first := written(t, b, nil, entry("x", index.Condemned), entry("y", index.Deleting))
	if first.Generation != 1 || len(first.Entries) != 2 || !first.Deletes() {
		t.Fatalf("%+v", first)
	}
	e := first.Find(gctest.OID("x"))
	if e == nil || e.State != index.Condemned || e.Path != "a b/ü.bin" || !e.CondemnedAt.Equal(b.Now()) {
		t.Errorf("%+v", e)
	}
	b.Advance(time.Hour)
	second, err := index.Store(t.Context(), b, prefix, first, first.Reverted())
	if err != nil {
		t.Fatal(err)
	}
	// T1 is that of the write that condemned, in every later write.
	if e := second.Find(gctest.OID("x")); !e.CondemnedAt.Equal(first.Modified) || second.Deletes() || second.Generation != 2 {
		t.Errorf("%+v", second)
	}
	if first.Nonce == second.Nonce || first.ETag == second.ETag {
		t.Error("two writes look alike")
	}
	if _, err := index.Store(t.Context(), b, prefix, first, first.Next()); !errors.Is(err, index.ErrConflict) {
		t.Errorf("a write against an old ETag: %v", err)
	}
}

// An index that is not whole is never taken for one.
func TestMalformed(t *testing.T) {
	b := gctest.NewMemory()
	written(t, b, nil, entry("x", index.Condemned), entry("y", index.Condemned))
	whole := b.Body(prefix.GCIndex())
	bad := []string{"", "x", "{}\n", whole + whole, "\n" + whole}
	for n := 1; n < len(whole)-1; n += 7 {
		bad = append(bad, whole[:n])
	}
	lines := bytes.SplitAfter([]byte(whole), []byte("\n"))
	bad = append(bad, string(slices.Concat(lines[0], lines[2], lines[1])))
	for _, text := range bad {
		b.Set(prefix.GCIndex(), text)
		if _, err := index.Load(t.Context(), b, prefix); !errors.Is(err, index.ErrMalformed) {
			t.Errorf("read %q: %v", text, err)
		}
		if _, err := index.NewGuard(b, prefix).Begin(t.Context()); err == nil {
			t.Errorf("a server works with %q", text)
		}
	}
}

func TestGuard(t *testing.T) {
	b := gctest.NewMemory()
	g := index.NewGuard(b, prefix)
	begin := func() index.View {
		t.Helper()
		v, err := g.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	empty := begin()
	if empty.State(gctest.OID("x")) != index.None || time.Until(empty.Deadline) > index.AnswerWithin {
		t.Errorf("%+v", empty)
	}
	first := written(t, b, nil, entry("x", index.Condemned))
	v := begin()
	if v.State(gctest.OID("x")) != index.Condemned || v.State(gctest.OID("y")) != index.None || v.State("zz") != index.None {
		t.Error("wrong states")
	}
	if v.Generation() == empty.Generation() {
		t.Error("the generation did not change")
	}
	if err := v.Rescue(t.Context(), gctest.OID("x")); err != nil {
		t.Fatal(err)
	}
	markers, err := index.Markers(t.Context(), b, prefix)
	if err != nil || len(markers) != 1 || !markers[0].Rescues(first.Entries[0]) || markers[0].Closed(first.Index) {
		t.Errorf("%+v, %v", markers, err)
	}
	later := entry("x", index.Condemned)
	later.Since = 2
	if markers[0].Rescues(later) {
		t.Error("a marker of an older generation rescues")
	}
	if next := written(t, b, nil, later); !markers[0].Closed(next.Index) {
		t.Error("a marker that rescues nothing is not closed")
	}
	// The view of a batch does not change under it.
	written(t, b, nil)
	if v.State(gctest.OID("x")) != index.Condemned || begin().State(gctest.OID("x")) != index.None {
		t.Error("views are mixed up")
	}
}

// One conditional GET for each batch, and no more.
func TestGuardCost(t *testing.T) {
	b := gctest.NewMemory()
	written(t, b, nil, entry("x", index.Condemned))
	g := index.NewGuard(b, prefix)
	calls := 0
	b.Before = func(string, string) error { calls++; return nil }
	for range 10 {
		if _, err := g.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if calls != 10 {
		t.Errorf("%d calls for 10 batches", calls)
	}
}

// A server that cannot read the index knows nothing.
func TestGuardFails(t *testing.T) {
	b := gctest.NewMemory()
	g := index.NewGuard(b, prefix)
	b.Before = func(string, string) error { return objectstore.ErrUnavailable }
	if _, err := g.Begin(t.Context()); err == nil {
		t.Error("no error")
	}
	b.Before = nil
	written(t, b, nil, entry("x", index.Condemned))
	v, err := g.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Before = func(string, string) error { return objectstore.ErrUnavailable }
	if v.Rescue(t.Context(), gctest.OID("x")) == nil {
		t.Error("a marker that was not written passes for one")
	}
}

// After the lease and its margin, not before, a server brings back what a dead
// run was deleting.
func TestGuardReverts(t *testing.T) {
	b := gctest.NewMemory()
	written(t, b, func(x *index.Index) { x.Owner, x.LeaseEnd = "r", b.Now().Add(time.Minute) }, entry("x", index.Deleting))
	g := index.NewGuard(b, prefix)
	for _, step := range []struct {
		after time.Duration
		want  index.State
	}{{0, index.Deleting}, {time.Minute, index.Deleting}, {index.TakeoverMargin, index.Deleting}, {time.Second, index.Condemned}} {
		b.Advance(step.after)
		v, err := g.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := v.State(gctest.OID("x")); got != step.want {
			t.Errorf("%s later: %s, want %s", step.after, got, step.want)
		}
	}
}

func TestTombstone(t *testing.T) {
	b := gctest.NewMemory()
	if _, err := index.LookupTombstone(context.Background(), b, prefix, gctest.OID("x")); !errors.Is(err, objectstore.ErrNotFound) {
		t.Errorf("%v", err)
	}
	want := index.Tombstone{OID: gctest.OID("x"), Reason: "old", Policy: "keepVersions 2", Run: "r", At: b.Now()}
	if err := index.WriteTombstone(context.Background(), b, prefix, want); err != nil {
		t.Fatal(err)
	}
	if got, err := index.LookupTombstone(context.Background(), b, prefix, gctest.OID("x")); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}
