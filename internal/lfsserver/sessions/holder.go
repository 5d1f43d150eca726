package sessions

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// Holder is the objectstore.KeySource of a server that holds sessions: it asks for
// them, and for new ones when half of their life is over. While the issuer is away
// the old ones go on working, to their end. Safe for concurrent use.
type Holder struct {
	// MaxLife, where set, is what a session counts for at most: shorter ones than
	// the store makes.
	MaxLife time.Duration
	Now     func() time.Time
	Log     *slog.Logger
	// Arrived is called when there is a session after there was none.
	Arrived func()

	keys  atomic.Pointer[objectstore.Keys]
	wake  chan struct{}
	mu    sync.Mutex // guards what follows
	from  Source
	state State
}

// Source gives sessions. Implementations are safe for concurrent use.
type Source interface {
	// Ask for three sessions with one prefix. Errors hold no secret.
	Ask(ctx context.Context) (*storesession.Answer, error)
	// Name differs for sources that are asked for something else.
	Name() string
}

// State of the sessions.
type State struct {
	// EndsAt is when those in force end; zero while there are none.
	EndsAt time.Time
	// Failing since when, and why, no new ones could be got; zero while they can.
	Failing time.Time
	Error   string
	// Refused is true where the store itself does not give any.
	Refused bool
}

// NewHolder makes one that holds nothing yet. See Use and Run.
func NewHolder(maxLife time.Duration, now func() time.Time, log *slog.Logger, arrived func()) *Holder {
	h := &Holder{MaxLife: maxLife, Now: now, Log: log, Arrived: arrived, wake: make(chan struct{}, 1)}
	h.keys.Store(&objectstore.Keys{})
	return h
}

// Keys implements objectstore.KeySource. Before the first session they are empty,
// and every store refuses them.
func (h *Holder) Keys() *objectstore.Keys { return h.keys.Load() }

// Use says where sessions come from. Those in force stay until new ones are there.
func (h *Holder) Use(from Source) {
	h.mu.Lock()
	changed := h.from == nil || h.from.Name() != from.Name()
	if changed {
		h.from = from
	}
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
func (h *Holder) renew(ctx context.Context, from Source) (time.Duration, error) {
	asked := h.Now() // before the answer, so that we are never late
	answer, err := from.Ask(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		if h.state.Error != err.Error() {
			h.Log.Warn("no session with the store could be got", "error", err.Error(), "endsAt", h.state.EndsAt)
		}
		if h.state.Failing.IsZero() {
			h.state.Failing = asked
		}
		h.state.Error, h.state.Refused = err.Error(), errors.Is(err, ErrRefused)
		return 0, err
	}
	life := time.Duration(answer.ExpiresIn) * time.Second
	if h.MaxLife > 0 {
		life = min(life, h.MaxLife)
	}
	first := h.state.EndsAt.Before(asked)
	h.state = State{EndsAt: asked.Add(life)}
	h.keys.Store(&objectstore.Keys{
		Own: CredentialsOf(answer.Own), Upload: CredentialsOf(answer.Upload), Download: CredentialsOf(answer.Download),
		EndsAt: h.state.EndsAt,
	})
	h.Log.Info("session with the store", "endsAt", h.state.EndsAt)
	if first && h.Arrived != nil {
		h.Arrived()
	}
	return life, nil
}

// CredentialsOf a session.
func CredentialsOf(s storesession.Session) objectstore.Credentials {
	return objectstore.Credentials{AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken}
}
