package sweep

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// A server read the index while the object was condemned and leaves its marker
// only after the index says deleting, within the time that it has.
func TestRescuedAtTheLastMoment(t *testing.T) {
	w := condemned(t)
	g := index.NewGuard(w.store, prefix)
	view, err := g.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := w.options(w.scan())
	w.store.Advance(time.Second)
	waited := false
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		if !waited {
			waited = true
			if d <= index.AnswerWithin {
				t.Errorf("waited %s, servers have %s", d, index.AnswerWithin)
			}
			if got := w.answer(view, "v1"); got != "there" {
				t.Errorf("slow batch: %s", got)
			}
			for _, name := range []string{"v1", "v2"} {
				if got := w.batch(g, name); got != "later" {
					t.Errorf("batch for %s while it is being deleted: %s", name, got)
				}
			}
		}
		return w.store.Sleep(ctx, d)
	}
	rep, err := Run(t.Context(), o)
	if err != nil || rep.Deletes.Rescued != 1 || rep.Deleted != 2 {
		t.Errorf("%v, %+v", err, rep.Deletes)
	}
	w.want("foreign v1 v4 v5")
	if w.entries() != "" {
		t.Errorf("index %s", w.entries())
	}
}

// A second run that starts while the first deletes keeps its hands off.
func TestTwoRunsAtOnce(t *testing.T) {
	w := condemned(t)
	first := w.options(w.scan())
	second := w.options(w.scan())
	w.store.Advance(time.Second)
	ran := false
	first.Sleep = func(ctx context.Context, d time.Duration) error {
		if !ran {
			ran = true
			rep, _ := Run(t.Context(), second)
			if rep.Outcome != serverstatus.GCStopped || rep.Reason != "AnotherRun" {
				t.Errorf("second run: %s %s", rep.Outcome, rep.Reason)
			}
		}
		return w.store.Sleep(ctx, d)
	}
	if _, err := Run(t.Context(), first); err != nil {
		t.Error(err)
	}
	w.want("foreign v4 v5")
}

// Both read the same index; only one may write it.
func TestTwoRunsWriteAtOnce(t *testing.T) {
	w := condemned(t)
	first := w.options(w.scan())
	second := w.options(w.scan())
	w.store.Advance(time.Second)
	ran := false
	w.store.Before = func(op, key string) error {
		if op == "put" && key == prefix.GCIndex() && !ran {
			ran = true
			if _, err := Run(t.Context(), second); err != nil {
				t.Errorf("second run: %v", err)
			}
		}
		return nil
	}
	rep, _ := Run(t.Context(), first)
	if rep.Reason != "AnotherRun" || rep.Deleted != 0 {
		t.Errorf("first run: %+v", rep.GCReport)
	}
	w.want("foreign v4 v5")
}

// A run that was paused until its lease was over deletes nothing, whatever it
// had signed: the store refuses it, and then the look at the index does.
func TestPausedRun(t *testing.T) {
	for _, where := range []string{"before signing", "before sending"} {
		t.Run(where, func(t *testing.T) {
			w := condemned(t)
			o := w.options(w.scan())
			w.store.Advance(time.Second)
			g := index.NewGuard(w.store, prefix)
			pause := func() {
				w.store.Advance(DefaultLimits.Lease + time.Minute)
				// A server brings the object back, a client hears that it is there.
				if got := w.batch(g, "v1"); got != "there" {
					t.Errorf("batch after the lease: %s", got)
				}
			}
			once := false
			if where == "before sending" {
				o.Do = func(req *http.Request) (*http.Response, error) {
					if !once {
						once = true
						pause()
					}
					return w.store.Do(req)
				}
				o.Limits.Group = 1
			} else {
				o.Sleep = func(ctx context.Context, d time.Duration) error {
					if !once {
						once = true
						pause()
					}
					return w.store.Sleep(ctx, d)
				}
			}
			rep, _ := Run(t.Context(), o)
			if !strings.Contains(w.has(), "v1") || rep.Deleted > 0 {
				t.Errorf("the store has %s; %+v", w.has(), rep.Deletes)
			}
		})
	}
}

// A delete whose answer is lost stays open until it has expired.
func TestLostAnswer(t *testing.T) {
	w := condemned(t)
	o := w.options(w.scan())
	w.store.Advance(time.Second)
	o.Do = func(req *http.Request) (*http.Response, error) {
		if strings.Contains(req.URL.String(), gctest.OID("v1")) {
			resp, err := w.store.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			return nil, errors.New("connection reset")
		}
		return w.store.Do(req)
	}
	sent := w.store.Now()
	rep, err := Run(t.Context(), o)
	if err != nil || rep.Deletes.Unanswered != 1 || rep.Deleted != 2 {
		t.Errorf("%v %+v", err, rep.Deletes)
	}
	if w.entries() != "v1:condemned" || w.store.Now().Sub(sent) < DefaultLimits.Expiry {
		t.Errorf("index %s after %s", w.entries(), w.store.Now().Sub(sent))
	}
	w.store.Advance(time.Minute)
	w.mustRun()
	if w.entries() != "" {
		t.Errorf("index %s", w.entries())
	}
}

func TestRefusedDeletes(t *testing.T) {
	w := condemned(t)
	o := w.options(w.scan())
	w.store.Advance(time.Second)
	o.Do = func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 403, Status: "403 Forbidden", Body: http.NoBody}, nil
	}
	rep, err := Run(t.Context(), o)
	if err == nil || !strings.Contains(rep.Message, "refuses deletes") || rep.Outcome != serverstatus.GCFailed {
		t.Errorf("%v %+v", err, rep.GCReport)
	}
	w.want("foreign v1 v2 v3 v4 v5")
	if w.entries() != "v1:condemned v2:condemned v3:condemned" {
		t.Errorf("index %s", w.entries())
	}
}

// Whoever touches the index while a run waits, by hand for one, ends that run
// before it deletes anything. (Signatures that end with the lease would keep
// takeovers apart even without this look.)
func TestIndexTouchedWhileDeleting(t *testing.T) {
	for name, touch := range map[string]func(w *world){
		"removed": func(w *world) { w.store.Remove(prefix.GCIndex()) },
		"written": func(w *world) {
			if _, err := index.Store(t.Context(), w.store, prefix, w.index(), w.index().Reverted()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := condemned(t)
			o := w.options(w.scan())
			w.store.Advance(time.Second)
			o.Sleep = func(ctx context.Context, d time.Duration) error {
				touch(w)
				return w.store.Sleep(ctx, d)
			}
			if rep, err := Run(t.Context(), o); err == nil || rep.Deleted > 0 {
				t.Errorf("%v %+v", err, rep.GCReport)
			}
			w.want("foreign v1 v2 v3 v4 v5")
		})
	}
}

// A run that died while it was deleting is taken over by the next one, after the
// lease and without a server's help: back to condemned, and only the run after
// that deletes, on a scan of its own.
func TestTakeover(t *testing.T) {
	w := condemned(t)
	o := w.options(w.scan())
	w.store.Advance(time.Second)
	o.Sleep = func(context.Context, time.Duration) error { return context.Canceled }
	if _, err := Run(t.Context(), o); err == nil {
		t.Fatal("the run did not die")
	}
	w.stopped("AnotherRun")
	w.store.Advance(DefaultLimits.Lease)
	rep := w.mustRun()
	if w.entries() != "v1:condemned v2:condemned v3:condemned" || rep.Deleted > 0 || len(rep.Notes) == 0 {
		t.Errorf("index %s, %+v", w.entries(), rep)
	}
	w.store.Advance(time.Minute)
	w.mustRun()
	w.want("foreign v4 v5")
}

// A write whose answer is lost is recognised by reading it back.
func TestLostAnswerOfTheIndex(t *testing.T) {
	w := condemned(t)
	w.store.After = func(op, key string) error {
		if op == "put" && key == prefix.GCIndex() {
			return objectstore.ErrUnavailable
		}
		return nil
	}
	w.mustRun()
	w.want("foreign v4 v5")
}

// Killed at any call to the store, before it or after it has taken effect, a run
// leaves nothing that later runs do not bring to a good end.
func TestCrashAnywhere(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			w := condemned(t)
			w.pins = append(w.pins, "v2")
			if !crash(t, w, n, after) {
				if n < 20 {
					t.Errorf("a run makes only %d calls", n)
				}
				break
			}
			g := index.NewGuard(w.store, prefix)
			w.store.Advance(DefaultLimits.Lease + time.Minute)
			if got := w.batch(g, "v2"); got != "there" {
				t.Fatalf("crash at call %d: v2 is %s", n, got)
			}
			for range 3 {
				w.store.Advance(25 * time.Hour)
				w.mustRun()
				if !strings.Contains(w.has(), "v2") {
					t.Fatalf("crash at call %d: v2 is lost", n)
				}
			}
			w.want("foreign v2 v4 v5")
			if w.entries() != "" {
				t.Errorf("crash at call %d: index %s", n, w.entries())
			}
		}
	}
}

// crash ends a run at its n-th call to the store; it says whether it got there.
func crash(t *testing.T, w *world, n int, after bool) bool {
	o := w.options(w.scan())
	w.store.Advance(time.Second)
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	var mu sync.Mutex
	calls := 0
	hook := func(string, string) error {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls == n {
			kill()
		}
		if calls >= n {
			return context.Canceled
		}
		return nil
	}
	if after {
		w.store.After = hook
	} else {
		w.store.Before = hook
	}
	_, _ = Run(ctx, o)
	w.store.Before, w.store.After = nil, nil
	return calls >= n
}
