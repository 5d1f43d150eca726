package presence

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/layout"
)

const prefix = layout.Prefix("team/uid/")

// town is a bucket with the time of the test, and replicas before it.
type town struct {
	*gctest.Memory
	t *testing.T
}

func newTown(t *testing.T) town {
	m := gctest.NewMemory()
	m.Clock = time.Now
	return town{m, t}
}

func (w town) replica() *Absence { return NewAbsence(w.Memory, prefix, MaxThere) }

func (w town) put(i int) { w.Set(prefix.Object(name1(i)), "x") }

// want asks once, lets a listing that this begins come to its end, and asks again.
func (w town) want(a *Absence, i int, sure bool) {
	w.t.Helper()
	a.Begin(w.t.Context())
	synctest.Wait()
	w.wantNow(a, i, sure)
}

func (w town) wantNow(a *Absence, i int, sure bool) {
	w.t.Helper()
	if got := a.Begin(w.t.Context()).Sure(name1(i), 1000); got != sure {
		w.t.Errorf("object %d: sure %v, want %v", i, got, sure)
	}
}

// inTown plays in a time of its own.
func inTown(t *testing.T, play func(w town)) {
	synctest.Test(t, func(t *testing.T) { play(newTown(t)) })
}

// name1 are OIDs that differ in the bits that fingerprints are made of.
func name1(i int) string { return fmt.Sprintf("%08x%056x", i, 0) }

func TestAlone(t *testing.T) {
	inTown(t, func(w town) {
		for i := range 10 {
			w.Set(prefix.Object(name1(i)), "x")
		}
		a := w.replica()
		sure := func(i int, size int64) bool { return a.Begin(w.t.Context()).Sure(name1(i), size) }
		if sure(20, 1) {
			w.t.Error("sure before it has listed")
		}
		synctest.Wait()
		a.Announce(w.t.Context())
		a.Arrived(name1(11))
		for i, want := range map[int]bool{1: false, 10: true, 11: false, 12: true} {
			if got := sure(i, Small); got != want {
				w.t.Errorf("object %d: sure %v, want %v", i, got, want)
			}
		}
		if sure(10, Small+1) {
			w.t.Error("sure of a large object")
		}
		// What somebody puts there by hand is found by the next listing.
		w.Set(prefix.Object(name1(12)), "x")
		time.Sleep(census)
		sure(12, 1)
		synctest.Wait()
		if sure(12, 1) || !sure(10, 1) {
			w.t.Error("the listing was not made again")
		}
	})
}

// As long as another hands out links, and for a while after, nothing is sure: what it
// has handed out may arrive at any moment.
func TestTwoReplicas(t *testing.T) {
	inTown(t, func(w town) {
		a, b := w.replica(), w.replica()
		w.want(a, 1, true)
		b.Announce(w.t.Context())
		w.wantNow(a, 1, false)
		w.put(1)
		time.Sleep(Settle - 2*time.Second)
		w.want(a, 1, false)
		w.wantNow(a, 2, false)
		time.Sleep(4 * time.Second)
		w.want(a, 2, true)
		w.wantNow(a, 1, false)
		// Both: neither.
		a.Announce(w.t.Context())
		b.Announce(w.t.Context())
		w.want(a, 5, false)
		w.want(b, 5, false)
	})
}

// A replica that goes on for long says so again and again.
func TestGoesOn(t *testing.T) {
	inTown(t, func(w town) {
		a, b := w.replica(), w.replica()
		for range 20 {
			b.Announce(w.t.Context())
			w.want(a, 2, false)
			time.Sleep(announceEvery)
		}
	})
}

// A server that was started anew is another replica: what its predecessor has handed
// out, it does not know.
func TestRestart(t *testing.T) {
	inTown(t, func(w town) {
		before := w.replica()
		before.Announce(w.t.Context())
		after := w.replica()
		w.want(after, 1, false)
		w.put(1)
		time.Sleep(Settle + 2*time.Second)
		w.want(after, 1, false)
		w.wantNow(after, 2, true)
	})
}

func TestTooManyObjects(t *testing.T) {
	inTown(t, func(w town) {
		a := w.replica()
		a.most = 5
		for i := range 6 {
			w.Set(prefix.Object(name1(i)), "x")
		}
		w.want(a, 1<<20, false)
		if len(a.there) > 0 {
			w.t.Errorf("%d objects are remembered", len(a.there))
		}
	})
}

func TestStoreFails(t *testing.T) {
	inTown(t, func(w town) {
		a := w.replica()
		w.want(a, 1, true)
		w.Before = func(string, string) error { return errors.New("away") }
		w.wantNow(a, 1, false)
		a.Announce(w.t.Context())
		w.Before = nil
		w.wantNow(a, 1, true)
	})
}
