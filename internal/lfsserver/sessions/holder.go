package sessions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// Holder is the objectstore.KeySource of a server that holds sessions: it asks for
// them, and for new ones when half of their life is over. While the issuer is away
// the old ones go on working, to their end. Safe for concurrent use.
type Holder struct {
	// TokenFile holds the token of the server's own ServiceAccount. It is read
	// anew each time, since it rotates.
	TokenFile string
	// MaxLife, where set, is what a session counts for at most: shorter ones than
	// the store makes.
	MaxLife time.Duration
	Now     func() time.Time
	Log     *slog.Logger
	// Arrived is called when there is a session after there was none.
	Arrived func()

	keys  atomic.Pointer[objectstore.Keys]
	wake  chan struct{}
	http  *http.Client
	mu    sync.Mutex // guards what follows
	from  *serverconfig.Sessions
	state State
}

// State of the sessions.
type State struct {
	// EndsAt is when those in force end; zero while there are none.
	EndsAt time.Time
	// Failing since when, and why, no new ones could be got; zero while they can.
	Failing time.Time
	Error   string
}

// NewHolder makes one that holds nothing yet. See Use and Run.
func NewHolder(tokenFile string, maxLife time.Duration, now func() time.Time, log *slog.Logger, arrived func()) *Holder {
	h := &Holder{TokenFile: tokenFile, MaxLife: maxLife, Now: now, Log: log, Arrived: arrived, wake: make(chan struct{}, 1)}
	h.http = &http.Client{Timeout: 3 * askWithin, Transport: &http.Transport{
		DialContext:       (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		DisableKeepAlives: true, // twice a day
	}}
	h.keys.Store(&objectstore.Keys{})
	return h
}

// Keys implements objectstore.KeySource. Before the first session they are empty,
// and every store refuses them.
func (h *Holder) Keys() *objectstore.Keys { return h.keys.Load() }

// Use says where sessions come from. Those in force stay until new ones are there.
func (h *Holder) Use(from *serverconfig.Sessions) {
	h.mu.Lock()
	changed := h.from == nil || *h.from != *from
	h.from = from
	h.mu.Unlock()
	if changed {
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
}

// State of the sessions now.
func (h *Holder) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// Run keeps the sessions until ctx ends. It asks for none before the first Use.
func (h *Holder) Run(ctx context.Context) {
	var next time.Duration // nothing to do before somebody calls
	for failures := 0; ; {
		if !h.wait(ctx, next) {
			return
		}
		h.mu.Lock()
		from := h.from
		h.mu.Unlock()
		if from == nil {
			continue
		}
		life, err := h.renew(ctx, from)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failures, next = 0, life/2
		default:
			failures++
			next = min(time.Second<<min(failures, 6), time.Minute)
		}
		// Not all servers of a store at once.
		next = next * time.Duration(90+rand.IntN(11)) / 100
	}
}

// wait is false when ctx ended. A wait of 0 ends only by Use.
func (h *Holder) wait(ctx context.Context, d time.Duration) bool {
	var after <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		after = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-h.wake:
	case <-after:
	}
	return true
}

// renew returns how long the new sessions live.
func (h *Holder) renew(ctx context.Context, from *serverconfig.Sessions) (time.Duration, error) {
	asked := h.Now() // before the answer, so that we are never late
	answer, err := h.ask(ctx, from)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		if h.state.Error != err.Error() {
			h.Log.Warn("no session with the store could be got", "error", err.Error(), "endsAt", h.state.EndsAt)
		}
		if h.state.Failing.IsZero() {
			h.state.Failing = asked
		}
		h.state.Error = err.Error()
		return 0, err
	}
	life := time.Duration(answer.ExpiresIn) * time.Second
	if h.MaxLife > 0 {
		life = min(life, h.MaxLife)
	}
	first := h.state.EndsAt.Before(asked)
	h.state = State{EndsAt: asked.Add(life)}
	h.keys.Store(&objectstore.Keys{
		Own: credentialsOf(answer.Own), Upload: credentialsOf(answer.Upload), Download: credentialsOf(answer.Download),
		EndsAt: h.state.EndsAt,
	})
	h.Log.Info("session with the store", "endsAt", h.state.EndsAt)
	if first && h.Arrived != nil {
		h.Arrived()
	}
	return life, nil
}

func credentialsOf(s storesession.Session) objectstore.Credentials {
	return objectstore.Credentials{AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken}
}

// maxAnswer bounds an answer in bytes; three session tokens have some thousand.
const maxAnswer = 256 << 10

// ask asks the issuer once.
func (h *Holder) ask(ctx context.Context, from *serverconfig.Sessions) (*storesession.Answer, error) {
	token, err := os.ReadFile(h.TokenFile)
	if err != nil {
		return nil, errors.New("the server's own ServiceAccount token is not mounted (yet)")
	}
	body, err := json.Marshal(storesession.Request{Grant: from.Grant})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, from.URL+storesession.Path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the address of the session issuer: %s", objectstore.PlainCause(err))
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the session issuer cannot be reached: %s", objectstore.PlainCause(err))
	}
	defer resp.Body.Close()
	in := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode != http.StatusOK {
		var p storesession.Problem
		_ = in.Decode(&p)
		return nil, fmt.Errorf("the session issuer answers %d: %s", resp.StatusCode, p.Message)
	}
	answer := &storesession.Answer{}
	if err := in.Decode(answer); err != nil || answer.ExpiresIn <= 0 || answer.Own.AccessKeyID == "" {
		return nil, errors.New("the session issuer's answer holds no session")
	}
	return answer, nil
}
