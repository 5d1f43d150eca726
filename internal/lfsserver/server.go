package lfsserver

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/monitor"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/quota"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/sessions"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/usage"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Server serves one repository.
type Server struct {
	*process
	options Options
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics
	monitor *monitor.Monitor
	usage   *usage.Counter
	quota   *quota.Ledger
	// unlimited is true once there is no record of a quota.
	unlimited atomic.Bool
	// holder of sessions with the store, where the server holds no key of it.
	holder *sessions.Holder
	// identities that were verified, over all configurations.
	identities     *auth.Memory
	issuersChanged chan struct{}

	current     atomic.Pointer[snapshot]
	reloadError atomic.Pointer[string]
	draining    atomic.Bool
	stopping    chan struct{} // closed once the drain delay is over

	api, admin net.Listener
}

// New reads the mounted files and opens the ports. It fails when there is no
// usable configuration; a missing Secret or a store that is away is no failure.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	s, err := newServer(newProcess(&o), o, o.Registry, readFiles(&o))
	if err != nil {
		return nil, err
	}
	processMetrics(o.Registry, o.Version)
	s.metrics.registry = o.Registry
	open, err := listen(address{o.APIListener, o.Listen}, address{o.AdminListener, o.AdminListen})
	if err != nil {
		return nil, err
	}
	s.api, s.admin = open[0], open[1]
	return s, nil
}

// newServer makes one without ports. o has its defaults.
func newServer(p *process, o Options, reg prometheus.Registerer, f *files) (*Server, error) {
	s := &Server{process: p, options: o, log: o.Logger, now: o.Now,
		identities: auth.NewMemory(), issuersChanged: make(chan struct{}, 1), stopping: make(chan struct{})}
	s.metrics = newMetrics(reg, s.storeReady, func() *serverstatus.Usage { return s.usage.Last() })
	reg.MustRegister(gcMetrics{func() *serverstatus.GCReport { return s.monitor.State().GC }})
	s.monitor = monitor.New(func() *monitor.Target { return s.current.Load().target }, o.Monitor, o.Now, o.Logger, s.onLook)
	s.quota = quota.New(o.Now, func() { s.usage.Changed() })
	s.usage = usage.New(s.countable, s.followCount, o.Now, o.Logger, o.UsageGap)
	s.holder = sessions.NewHolder(o.MaxSession, o.Now, o.Logger, func() { s.monitor.Look() })
	reg.MustRegister(sessionMetrics{s.holder, o.Now})
	s.reloadError.Store(new(string))
	first, err := s.build(f, nil)
	if err != nil {
		return nil, err
	}
	s.current.Store(first)
	return s, nil
}

// Addr is where the API listens.
func (s *Server) Addr() net.Addr { return s.api.Addr() }

// AdminAddr is where probes, metrics and status listen.
func (s *Server) AdminAddr() net.Addr { return s.admin.Addr() }

// Run serves until ctx ends and then drains: see drain.go. It returns nil after
// a drain, and an error when a port could not be served.
func (s *Server) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	for _, run := range append(s.chores(), s.reload, s.trim) {
		group.Go(func() { run(work) })
	}
	s.log.Info("serving", "api", s.Addr().String(), "admin", s.AdminAddr().String(),
		"repository", s.current.Load().config.Repository.Namespace+"/"+s.current.Load().config.Repository.Name,
		"version", s.options.Version)
	return serve(ctx, &s.options, []port{{s.api, s.apiHandler()}, {s.admin, s.adminHandler()}}, func() []*Server { return []*Server{s} })
}

// chores are what a server does beside answering, until their context ends.
func (s *Server) chores() []func(context.Context) {
	return []func(context.Context){s.monitor.Run, s.usage.Run, s.sweepUploads, s.watchIssuers, s.holder.Run}
}

// storeReady is true when requests can be served now.
func (s *Server) storeReady() bool {
	return s.monitor != nil && s.monitor.State().Serves(s.current.Load().target.Location)
}

// onLook follows the monitor: what it saw may mean that there is something to
// count.
func (s *Server) onLook(old, next *monitor.State) {
	became := next.Store.Ready && (!old.Store.Ready || old.Location != next.Location)
	collected := next.GC != nil && (old.GC == nil || old.GC.ID != next.GC.ID)
	if became || collected {
		s.usage.Changed()
	}
}

// countable is the usage counter's source.
func (s *Server) countable() (objectstore.Bucket, layout.Prefix, bool) {
	snap := s.current.Load()
	if snap.store == nil || !s.storeReady() {
		return nil, "", false
	}
	return snap.store.bucket, snap.prefix, true
}
