package gate_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/gate"
)

func patient(who string) gate.Visit { return gate.Visit{Who: who, Patience: time.Hour} }

func enter(t *testing.T, g *gate.Gate, who string) func() {
	t.Helper()
	leave, err := g.Enter(t.Context(), patient(who))
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
				leave, err := g.Enter(t.Context(), patient(who))
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

// TestQueueIsBounded: one principal's queue is, and another still gets in line.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate.New(1)
		leave := enter(t, g, "a")
		refused := make(chan error, 100)
		for range 100 {
			go func() {
				leave, err := g.Enter(t.Context(), patient("a"))
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
			_, err := g.Enter(gone, patient("b"))
			left <- err
		}()
		synctest.Wait()
		if g.Refused(gate.Visit{Who: "a"}) == nil {
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
			leave, err := g.Enter(t.Context(), gate.Visit{Who: "b", Weight: 100, Patience: time.Hour})
			if err != nil {
				t.Error(err)
			}
			heavy <- leave
		}()
		synctest.Wait()
		if _, err := g.Enter(t.Context(), gate.Visit{Who: "c", Patience: time.Second}); err == nil {
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
