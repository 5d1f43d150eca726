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

// What a request costs a machine that clients, server and store share: to come, to be
// read once it may, to be worked on, and to be answered. One after the other takes
// about 2 ms, as a batch of 100 new objects does on two cores.
const (
	toCome, toRead, toWork, toAnswer = 120 * time.Microsecond, 250 * time.Microsecond, 1500 * time.Microsecond, 250 * time.Microsecond
	toServe                          = toCome + toRead + toWork + toAnswer
	batchWeight                      = 8
)

// crowd is what becomes of many git-lfs that ask for a batch each.
type crowd struct {
	t       *testing.T
	gate    *gate.Gate
	machine *machine
	// remote is how long the store takes besides, late by how much a client may be.
	remote, late time.Duration

	mu   sync.Mutex
	took []time.Duration
	// refused counts answers, lost clients.
	refused, lost int
}

// come asks as git-lfs 3.8 does: it waits for as long as it is told and asks eight
// times more (package tq: canRetryObjectLater, defaultMaxRetries).
func (c *crowd) come(who, key string) {
	for try := 0; ; try++ {
		took, after := c.ask(gate.Visit{Who: who, Key: key})
		if after == 0 || try == 8 {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.refused += try
			if after > 0 {
				c.lost++
			} else {
				c.took = append(c.took, took)
			}
			return
		}
		time.Sleep(after + time.Duration(rand.Int64N(int64(c.late)+1)))
	}
}

// ask goes through the gate as a batch does; after is when to come back.
func (c *crowd) ask(v gate.Visit) (took, after time.Duration) {
	begin := time.Now()
	c.machine.work(toCome)
	if err := c.gate.Refused(v); err != nil {
		return 0, retryAfter(c.t, err)
	}
	c.machine.work(toRead)
	v.Weight = batchWeight
	leave, err := c.gate.Enter(c.t.Context(), v)
	if err != nil {
		return 0, retryAfter(c.t, err)
	}
	time.Sleep(c.remote)
	c.machine.work(toWork)
	leave()
	c.machine.work(toAnswer)
	return time.Since(begin), 0
}

// TestDrains: a line is served about as fast as the machine can serve it, nobody
// gives up, and those who are let in are answered about as fast as ever. All of that
// in simulated time.
func TestDrains(t *testing.T) {
	for name, tc := range map[string]struct {
		principals int
		load       float64
		spell      time.Duration
		remote     time.Duration
		late       time.Duration
		// want is in how much of the time that the machine takes for all of them.
		want float64
	}{
		"many principals":       {principals: 8, load: 4, spell: 15 * time.Second, want: 1.8},
		"one token for all":     {principals: 1, load: 4, spell: 10 * time.Second, want: 1.8},
		"a long line":           {principals: 3, load: 8, spell: 10 * time.Second, want: 2.2},
		"clients that are late": {principals: 8, load: 4, spell: 10 * time.Second, late: 5 * time.Second, want: 2},
		"a store far away":      {principals: 8, load: 4, spell: 15 * time.Second, remote: 4 * time.Millisecond, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{t: t, gate: gate.New(32), machine: &machine{at: time.Now()}, remote: tc.remote, late: tc.late}
				for i := range 50 { // what a batch takes alone, as the gate learns
					c.come("early", fmt.Sprint("early ", i))
				}
				alone := c.took[25]
				c.took = nil

				begin := time.Now()
				n := c.flood(tc.spell, toServe, tc.load, tc.principals)
				took := time.Since(begin)
				slices.Sort(c.took)
				p99 := c.took[len(c.took)*99/100]
				ideal := time.Duration(n) * toServe
				t.Logf("%d came, %d lost, %d refused; all served after %s, one after the other takes %s; p99 %s, alone %s", n, c.lost, c.refused, took, ideal, p99, alone)
				if c.lost > 0 {
					t.Errorf("%d of %d gave up", c.lost, n)
				}
				if took.Seconds() > tc.want*ideal.Seconds() {
					t.Errorf("all were served after %s, want at most %.1f times %s", took, tc.want, ideal)
				}
				if p99 > 10*alone {
					t.Errorf("p99 of those who were let in is %s, alone it takes %s", p99, alone)
				}
				if c.refused > 3*n {
					t.Errorf("%d were sent away %d times", n, c.refused)
				}
				if s := c.gate.String(); s != "0 in, 0 waiting" {
					t.Error(s)
				}
			})
		})
	}
}

// TestFloodKeepsNobodyOut: whoever asks for little gets it while another floods the
// server, and waits for a moment of its own line at the most.
func TestFloodKeepsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, gate: gate.New(32), machine: &machine{at: time.Now()}}
		for i := range 50 {
			c.come("early", fmt.Sprint("early ", i))
		}
		var group sync.WaitGroup
		group.Go(func() { c.flood(10*time.Second, toServe, 4, 1) })
		var mu sync.Mutex
		var longest time.Duration
		for i := range 400 {
			time.Sleep(50 * time.Millisecond)
			group.Go(func() {
				begin := time.Now()
				c.come("polite", fmt.Sprint("polite ", i))
				mu.Lock()
				defer mu.Unlock()
				longest = max(longest, time.Since(begin))
			})
		}
		group.Wait()
		t.Logf("%d lost; of those who asked for little one waited for %s", c.lost, longest)
		if c.lost > 0 || longest > 20*time.Second {
			t.Errorf("%d gave up; of those who asked for little one waited for %s", c.lost, longest)
		}
	})
}

// flood sends so many times what can be served, and waits until all have ended.
func (c *crowd) flood(spell, each time.Duration, load float64, principals int) (n int) {
	var group sync.WaitGroup
	for begin := time.Now(); time.Since(begin) < spell; time.Sleep(time.Millisecond) {
		for due := int(load * float64(time.Since(begin)) / float64(each)); n < due; n++ {
			who, key := fmt.Sprint("client ", n%principals), fmt.Sprint("batch ", n)
			group.Go(func() { c.come(who, key) })
		}
	}
	group.Wait()
	return n
}

// retryAfter of a refusal.
func retryAfter(t *testing.T, err error) time.Duration {
	t.Helper()
	var busy *gate.OverloadedError
	if !errors.As(err, &busy) {
		t.Error(err)
		return time.Second
	}
	return busy.RetryAfter
}
