package gate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/gate"
)

func enter(t *testing.T, g *gate.Gate, who string) func() {
	t.Helper()
	leave, err := g.Enter(t.Context(), who, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

// TestInTurn: a flood delays itself. Whoever comes after it waits for one request,
// not for all that came before.
func TestInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate.New(1)
		leave := enter(t, g, "flood")
		served := make(chan string, 100)
		come := func(who string) {
			go func() {
				leave, err := g.Enter(t.Context(), who, 1, time.Hour)
				if err != nil {
					t.Error(err)
					return
				}
				served <- who
				time.Sleep(time.Second)
				leave()
			}()
			synctest.Wait()
		}
		for range 50 {
			come("flood")
		}
		come("alice")
		come("bob")
		come("alice")
		leave()
		var got []string
		for range 6 {
			got = append(got, <-served)
		}
		if fmt.Sprint(got) != "[flood alice bob flood alice flood]" {
			t.Errorf("served %v", got)
		}
		for range 47 {
			<-served
		}
		time.Sleep(2 * time.Second)
		if s := g.String(); s != "0 in, 0 waiting" {
			t.Error(s)
		}
	})
}

// TestRefused: whoever cannot be served soon is refused soon, with times to come
// back that spread as the server can serve them.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate.New(2)
		for range 40 { // a request takes a second, as the gate learns
			leave := enter(t, g, "a")
			time.Sleep(time.Second)
			leave()
		}
		first, second := enter(t, g, "a"), enter(t, g, "a")
		begin := time.Now()
		var last time.Duration
		for i := range 400 {
			_, err := g.Enter(t.Context(), "b", 1, time.Nanosecond)
			var busy *gate.OverloadedError
			if !errors.As(err, &busy) {
				t.Fatalf("%d: %v", i, err)
			}
			if busy.RetryAfter < last-time.Millisecond || busy.RetryAfter > 2*time.Minute {
				t.Fatalf("%d: come back after %s, the one before after %s", i, busy.RetryAfter, last)
			}
			last = busy.RetryAfter
			if i == 20 && (last < 18*time.Second || last > 24*time.Second) {
				t.Errorf("the twentieth comes back after %s, want about 22 s", last)
			}
		}
		if last != 2*time.Minute {
			t.Errorf("the last comes back after %s", last)
		}
		if _, err := g.Enter(t.Context(), "c", 1, 0); err == nil || time.Since(begin) > 3*time.Second {
			t.Errorf("an impatient one: %v after %s", err, time.Since(begin))
		}
		if err := g.Crowded("c"); err != nil {
			t.Errorf("refused for the sake of others: %v", err)
		}
		first()
		enter(t, g, "c")()
		second()
		if s := g.String(); s != "0 in, 0 waiting" {
			t.Error(s)
		}
	})
}

// TestQueueIsBounded: one principal's queue is, and another still gets in line.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate.New(1)
		leave := enter(t, g, "a")
		refused := make(chan error, 100)
		for range 100 {
			go func() {
				leave, err := g.Enter(t.Context(), "a", 1, time.Hour)
				refused <- err
				if err == nil {
					leave()
				}
			}()
		}
		synctest.Wait()
		if len(refused) != 36 {
			t.Errorf("%d refused at once, want 36", len(refused))
		}
		gone, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := g.Enter(gone, "b", 1, time.Hour)
			left <- err
		}()
		synctest.Wait()
		if g.Crowded("a") == nil {
			t.Error("one more could come in time")
		}
		if s := g.String(); s != "1 in, 65 waiting" {
			t.Error(s)
		}
		cancel() // the client has gone away
		if err := <-left; err == nil {
			t.Error("who has left was let in")
		}
		leave()
		synctest.Wait()
		if s := g.String(); s != "0 in, 0 waiting" {
			t.Error(s)
		}
	})
}

// TestWeight: heavy requests take more of the gate, and are not passed by light
// ones for ever.
func TestWeight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate.New(4)
		light := enter(t, g, "a")
		heavy := make(chan func())
		go func() {
			leave, err := g.Enter(t.Context(), "b", 100, time.Hour)
			if err != nil {
				t.Error(err)
			}
			heavy <- leave
		}()
		synctest.Wait()
		if _, err := g.Enter(t.Context(), "c", 1, time.Second); err == nil {
			t.Error("a light one has passed the heavy one")
		}
		light()
		leave := <-heavy
		if s := g.String(); s != "4 in, 0 waiting" {
			t.Error(s)
		}
		leave()
	})
}
