package gate_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/gate"
)

// command asks as git-lfs does, and gives up after eight retries. It returns how
// long the last request waited, and how often it was sent away.
func command(t *testing.T, g *gate.Gate, who, key string, takes time.Duration) (waited time.Duration, refused int, done bool) {
	for {
		begin := time.Now()
		leave, err := g.Enter(t.Context(), gate.Visit{Who: who, Key: key})
		var busy *gate.OverloadedError
		switch {
		case err == nil:
			waited = time.Since(begin)
			time.Sleep(takes)
			leave()
			return waited, refused, true
		case !errors.As(err, &busy):
			t.Error(err)
			return 0, refused, false
		}
		if busy.RetryAfter < time.Second || busy.RetryAfter > 2*time.Minute || busy.RetryAfter%time.Second != 0 {
			t.Errorf("come back after %s", busy.RetryAfter)
		}
		if refused++; refused > 8 {
			return 0, refused, false
		}
		time.Sleep(busy.RetryAfter)
	}
}

// TestFlooded: for half a minute four times as many come as can be served. All are
// served in the end, most after they were sent away once, and hardly anyone waits at
// the gate for long.
func TestFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes, each = 8 * time.Millisecond, time.Millisecond // of 4 ms that the server needs
		g := gate.New(2)
		for range 20 { // what a visit takes alone, as the gate learns
			if _, _, ok := command(t, g, "early", "", takes); !ok {
				t.Fatal("refused alone")
			}
		}
		start := time.Now()
		var mu sync.Mutex
		var group sync.WaitGroup
		var waits []time.Duration
		refused, lost := 0, 0
		for i := range 30_000 {
			time.Sleep(time.Duration(rand.Int64N(int64(2 * each))))
			group.Go(func() {
				waited, n, ok := command(t, g, fmt.Sprint("client ", i%8), fmt.Sprint(i), takes)
				mu.Lock()
				defer mu.Unlock()
				if refused += n; !ok {
					lost++
				}
				waits = append(waits, waited)
			})
		}
		group.Wait()
		slices.Sort(waits)
		p99 := waits[len(waits)*99/100]
		t.Logf("%d lost, %d refused, 99 %% waited at most %s, all %s; the last one ended after %s", lost, refused, p99, waits[len(waits)-1], time.Since(start))
		if lost > 0 || refused > 2*len(waits) || p99 > 5*takes {
			t.Errorf("%d lost, %d refused, 99 %% waited at most %s", lost, refused, p99)
		}
		if s := g.String(); s != "0 in, 0 waiting" {
			t.Error(s)
		}
	})
}

// flooded returns a gate of one whose only place is taken, and which a flood has
// made strict, after it has learned that a visit takes a second.
func flooded(t *testing.T) (g *gate.Gate, leave func()) {
	t.Helper()
	g = gate.New(1)
	for range 20 {
		leave := enter(t, g, "early")
		time.Sleep(time.Second)
		leave()
	}
	leave = enter(t, g, "early")
	for range 4 {
		go func() { _, _ = g.Enter(t.Context(), gate.Visit{Who: "flood"}) }()
	}
	synctest.Wait()
	for i := range 20 {
		if refused(t, g, "flood", fmt.Sprint(i)) == 0 {
			t.Fatal("no end of those who may wait")
		}
	}
	time.Sleep(3 * time.Second)
	return g, leave
}

// refused is the time to come back, 0 for a visit that may come in or wait.
func refused(t *testing.T, g *gate.Gate, who, key string) time.Duration {
	t.Helper()
	var busy *gate.OverloadedError
	if err := g.Refused(gate.Visit{Who: who, Key: key}); err != nil && !errors.As(err, &busy) {
		t.Fatal(err)
	}
	if busy == nil {
		return 0
	}
	return busy.RetryAfter
}

// TestPlaceIsKept: who comes when it was told to goes before newcomers, also where
// requests cannot be told apart.
func TestPlaceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, leave := flooded(t)
		first, twin := refused(t, g, "flood", "mine"), refused(t, g, "flood", "mine")
		if first < 10*time.Second || twin <= first {
			t.Errorf("of those who are in line the last two come after %s and %s", first, twin)
		}
		for begin := time.Now(); time.Since(begin) < first; time.Sleep(time.Second) {
			if refused(t, g, "flood", fmt.Sprint("newcomer at ", time.Now())) < first/2 {
				t.Fatal("a newcomer gets a place before those who are in line")
			}
		}
		if again := refused(t, g, "flood", "mine"); again != 0 {
			t.Errorf("it came in time, and shall come back after %s", again)
		}
		leave()
	})
}

// TestUnseen: those who do not come back hold nobody up.
func TestUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, leave := flooded(t)
		if refused(t, g, "flood", "newcomer") == 0 {
			t.Error("not strict after three seconds")
		}
		time.Sleep(10 * time.Second)
		if after := refused(t, g, "flood", "another"); after != 0 {
			t.Errorf("nobody comes to a place, and a newcomer shall come back after %s", after)
		}
		leave()
	})
}

// TestOthersPass: those of whom nobody was sent away wait for one visit, however
// long the line of others.
func TestOthersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, leave := flooded(t)
		go func() {
			time.Sleep(time.Second)
			leave()
		}()
		if waited, refused, ok := command(t, g, "other", "x", 0); !ok || refused > 0 || waited > 2*time.Second {
			t.Errorf("waited %s, refused %d times, served %v", waited, refused, ok)
		}
	})
}
