package index_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/index"
)

// Batches that wait at the same time share a look at the index, but only one that
// begins after they did: what was on its way before may be older than they.
func TestReadingsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := gctest.NewMemory()
		g := index.NewGuard(b, prefix)
		held := make(chan struct{})
		reads := 0
		var mu sync.Mutex
		// After: what a held reading has seen, it has seen.
		b.After = func(op, _ string) error {
			mu.Lock()
			reads++
			hold := reads <= 4
			mu.Unlock()
			if hold {
				<-held
			}
			return nil
		}
		begin := func(want index.State) {
			v, err := g.Begin(t.Context())
			if err != nil || v.State(gctest.OID("x")) != want {
				t.Errorf("state %s, %v; want %s", v.State(gctest.OID("x")), err, want)
			}
		}
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() { begin(index.None) })
			synctest.Wait()
		}
		x := index.Index{Header: index.Header{Generation: 1, Nonce: "n"}, Entries: []index.Entry{entry("x", index.Condemned)}}
		text, err := x.Encode()
		if err != nil {
			t.Fatal(err)
		}
		b.Set(prefix.GCIndex(), string(text))
		for range 10 {
			group.Go(func() { begin(index.Condemned) })
		}
		synctest.Wait()
		close(held)
		group.Wait()
		if reads != 5 {
			t.Errorf("%d readings, want those that were held and one for all others", reads)
		}
	})
}

// Whoever has no time left does not wait for a reading that hangs.
func TestReadingHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := gctest.NewMemory()
		held := make(chan struct{})
		b.Before = func(string, string) error { <-held; return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := index.NewGuard(b, prefix).Begin(ctx); err == nil {
			t.Error("no error")
		}
		close(held)
	})
}
