package poll

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

var key = types.NamespacedName{Namespace: "team-a", Name: "models"}

// server answers with a status and counts requests.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	status serverstatus.Status
	asked  int
	token  string
}

func newServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		s.token = r.Header.Get("Authorization")
		if s.token != "Bearer right" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		status := s.status
		status.Store.CheckedAt = time.Now()
		status.Usage = &serverstatus.Usage{Objects: 1, CountedAt: time.Now()}
		_ = json.NewEncoder(w).Encode(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) set(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Version = version
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// newPoller polls quickly and counts news.
func newPoller(t *testing.T) (*Poller, func() int) {
	var mu sync.Mutex
	news := 0
	p := New(func(types.NamespacedName) {
		mu.Lock()
		defer mu.Unlock()
		news++
	})
	p.Schedule = Schedule{Fast: 5 * time.Millisecond, FastFor: time.Minute, Patient: 10 * time.Millisecond, Slow: 10 * time.Millisecond, Eager: 20 * time.Millisecond}
	t.Cleanup(func() { p.Forget(key) })
	return p, func() int {
		mu.Lock()
		defer mu.Unlock()
		return news
	}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// TestOnlyNewsIsTold: an answer that differs in times alone is none.
func TestOnlyNewsIsTold(t *testing.T) {
	s := newServer(t)
	p, news := newPoller(t)
	p.Want(key, Wish{Targets: []Target{{"pod", s.URL}}, Token: "right"})
	eventually(t, "no first answer", func() bool { return news() == 1 })
	before := s.count()
	eventually(t, "not polled again", func() bool { return s.count() > before+10 })
	if n := news(); n != 1 {
		t.Errorf("told %d times of the same answer", n)
	}
	s.set("v2")
	eventually(t, "the new answer is not told", func() bool { return news() == 2 })
	if a := p.Answers(key); len(a) != 1 || a[0].Status == nil || a[0].Status.Version != "v2" {
		t.Errorf("answers are %+v", a)
	}
}

// TestOneMissIsNoNews: a server may fail to answer twice; the third time is told.
func TestOneMissIsNoNews(t *testing.T) {
	said := Answer{Target: Target{"pod", "http://x"}, Status: &serverstatus.Status{Version: "v1"}}
	miss := Answer{Target: said.Target, Err: errors.New("timeout")}
	answers := []Answer{said}
	for i, wantErr := range []bool{false, false, true, true} {
		answers = tolerate(answers, []Answer{miss})
		if got := answers[0].Err != nil; got != wantErr {
			t.Errorf("miss %d: told %t, want %t", i+1, got, wantErr)
		}
	}
	answers = tolerate(answers, []Answer{said})
	if answers[0].Err != nil || answers[0].misses != 0 {
		t.Errorf("an answer after misses: %+v", answers[0])
	}
	var first []Answer
	for i, want := range []bool{false, false, true} {
		first = tolerate(first, []Answer{miss})
		if got := !first[0].silent(); got != want {
			t.Errorf("miss %d of a server that never answered: told %t, want %t", i+1, got, want)
		}
	}
	refused := tolerate([]Answer{said}, []Answer{{Target: said.Target, Err: ErrRefused}})
	if refused[0].Err == nil {
		t.Error("a refusal counts as a miss")
	}
}

// TestCalm: what was expected has happened, and no further wish says so.
func TestCalm(t *testing.T) {
	s := newServer(t)
	p, news := newPoller(t)
	p.Schedule.Slow, p.Schedule.Eager = time.Hour, 0
	p.Want(key, Wish{Targets: []Target{{"pod", s.URL}}, Token: "right", Fast: true})
	eventually(t, "no first answer", func() bool { return news() == 1 })
	before := s.count()
	eventually(t, "not polled fast", func() bool { return s.count() > before+3 })
	p.Calm(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	if next := p.Schedule.next(p.entries[key], time.Now()); next < 30*time.Minute {
		t.Errorf("polled again after %s", next)
	}
}

// TestForgottenIsNotPolled: a repository that is gone costs nothing.
func TestForgottenIsNotPolled(t *testing.T) {
	s := newServer(t)
	p, news := newPoller(t)
	p.Want(key, Wish{Targets: []Target{{"pod", s.URL}}, Token: "right"})
	eventually(t, "no first answer", func() bool { return news() == 1 })
	p.Forget(key)
	eventually(t, "a poll that was under way does not end", func() bool { return len(p.slots) == 0 })
	before := s.count()
	time.Sleep(50 * time.Millisecond)
	if n := s.count() - before; n != 0 {
		t.Errorf("polled %d times after it was forgotten", n)
	}
	if a := p.Answers(key); a != nil {
		t.Errorf("still answers: %+v", a)
	}
}

// TestErrorsExplain: what goes into a condition names neither token nor address.
func TestErrorsExplain(t *testing.T) {
	s := newServer(t)
	for name, tc := range map[string]struct {
		url, token, want string
	}{
		"wrong token": {s.URL, "wrong-token", "does not accept the operator's token"},
		"no server":   {"http://127.0.0.1:1", "right", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := newPoller(t)
			_, err := p.ask(Target{"pod", tc.url}, tc.token)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error is %v, want %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), tc.token) {
				t.Errorf("the error names an address or the token: %v", err)
			}
		})
	}
}

// TestNext: fast at first, patient with what stays broken, slow when all is well.
func TestNext(t *testing.T) {
	now := time.Now()
	targets := []Target{{"pod", "http://x"}}
	for name, tc := range map[string]struct {
		entry    entry
		min, max time.Duration
	}{
		"nobody to ask":     {entry{}, time.Hour, time.Hour},
		"just happened":     {entry{wish: Wish{Targets: targets}, happened: now}, time.Second, time.Second},
		"happened lately":   {entry{wish: Wish{Targets: targets}, happened: now.Add(-3 * time.Second)}, 6 * time.Second, 6 * time.Second},
		"broken just now":   {entry{wish: Wish{Targets: targets, Fast: true}, happened: now.Add(-5 * time.Second), fastSince: now.Add(-5 * time.Second)}, time.Second, time.Second},
		"well":              {entry{wish: Wish{Targets: targets}}, 24 * time.Second, 36 * time.Second},
		"new":               {entry{wish: Wish{Targets: targets, Fast: true}, fastSince: now.Add(-time.Minute)}, time.Second, time.Second},
		"broken for long":   {entry{wish: Wish{Targets: targets, Fast: true}, fastSince: now.Add(-10 * time.Minute)}, 5 * time.Second, 5 * time.Second},
		"broken for longer": {entry{wish: Wish{Targets: targets, Fast: true}, fastSince: now.Add(-time.Hour)}, 10 * time.Second, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := DefaultSchedule.next(&tc.entry, now); got < tc.min || got > tc.max {
				t.Errorf("next poll in %s, want %s to %s", got, tc.min, tc.max)
			}
		})
	}
}
