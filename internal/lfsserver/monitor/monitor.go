package monitor

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/pause"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Intervals of looking.
type Intervals struct {
	// Unready while something is wrong, so that recovery is quick.
	Unready time.Duration
	// Ready while all is well, give or take a fifth, so that many servers do
	// not ask one store in step.
	Ready time.Duration
	// Least between two looks, however often somebody calls for one.
	Least time.Duration
	// Timeout of one look.
	Timeout time.Duration
}

// DefaultIntervals are those of a server in a cluster.
var DefaultIntervals = Intervals{
	Unready: 5 * time.Second,
	Ready:   10 * time.Second,
	Least:   500 * time.Millisecond,
	Timeout: 15 * time.Second,
}

// State is the outcome of the last look. It is immutable.
type State struct {
	Store serverstatus.Store
	// Location that it is about.
	Location string
	// Reports in the bucket, as of the last look; nil where there are none.
	GC      *serverstatus.GCReport
	History *serverstatus.HistoryCheck
	// GCRequest is the last request for a run, nil where nobody has asked.
	GCRequest *serverstatus.GCRequest
	// Adoption is how far one has come, nil without.
	Adoption *serverstatus.AdoptionReport
}

// Serves is true when requests about this location can be served.
func (s *State) Serves(location string) bool { return s.Store.Ready && s.Location == location }

// Monitor looks at the store again and again.
type Monitor struct {
	target    func() *Target
	intervals Intervals
	now       func() time.Time
	log       *slog.Logger
	onChange  func(old, new *State)

	state atomic.Pointer[State]
	kick  chan struct{}

	// What earlier looks found; used by Run alone.
	claimed, ownerETag string
	capabilities       *serverstatus.Capabilities
	probed             string
	probedAt           time.Time
	reports            reports
}

// New makes a monitor. target returns what to watch now; onChange is called
// after each look, from Run's goroutine.
func New(target func() *Target, intervals Intervals, now func() time.Time, log *slog.Logger, onChange func(old, new *State)) *Monitor {
	m := &Monitor{
		target: target, intervals: intervals, now: now, log: log, onChange: onChange,
		kick: make(chan struct{}, 1),
	}
	m.state.Store(&State{Store: serverstatus.Store{
		Reason: serverstatus.ReasonChecking, Message: "The store has not been looked at yet.", CheckedAt: now(),
	}})
	return m
}

// State of the last look.
func (m *Monitor) State() *State { return m.state.Load() }

// Look asks for a look soon: a request met an error, or files have changed.
func (m *Monitor) Look() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// Run looks until ctx ends.
func (m *Monitor) Run(ctx context.Context) {
	for ctx.Err() == nil {
		m.look(ctx)
		m.wait(ctx)
	}
}

func (m *Monitor) look(ctx context.Context) {
	t := m.target()
	lctx, cancel := context.WithTimeout(ctx, m.intervals.Timeout)
	defer cancel()
	next := &State{Location: t.Location}
	for _, check := range m.checks() {
		if p := check(lctx, t); p != nil {
			next.Store = serverstatus.Store{Reason: p.Reason, Message: p.Message}
			break
		}
	}
	if ctx.Err() != nil {
		return // what was found is our own end
	}
	old := m.state.Load()
	next.GC, next.History, next.GCRequest, next.Adoption = old.GC, old.History, old.GCRequest, old.Adoption
	if next.Store.Reason == "" {
		next.Store = serverstatus.Store{Ready: true, Reason: serverstatus.ReasonStoreReady}
		m.reports.read(lctx, t, next)
	}
	if t.Adopts && (next.Store.Ready || next.Store.Reason == serverstatus.ReasonAdopting) {
		m.reports.readAdoption(lctx, t, next)
	}
	if m.probed == t.Revision {
		next.Store.Capabilities = m.capabilities
	}
	next.Store.CheckedAt = m.now()
	m.state.Store(next)
	if old.Store.Reason != next.Store.Reason || old.Store.Message != next.Store.Message {
		m.log.Info("store", "ready", next.Store.Ready, "reason", next.Store.Reason, "message", next.Store.Message)
	}
	m.onChange(old, next)
}

// wait until the next look is due or called for.
func (m *Monitor) wait(ctx context.Context) {
	d := m.intervals.Unready
	if m.state.Load().Store.Ready {
		d = m.intervals.Ready * time.Duration(80+rand.IntN(41)) / 100
	}
	if pause.For(ctx, m.intervals.Least) == nil {
		_ = pause.Until(ctx, m.kick, d-m.intervals.Least)
	}
}
