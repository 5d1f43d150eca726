package lfsserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Shared serves many repositories in one process. Each is a Server of its own, with
// its own configuration, keys, prefix and memory; they share what a process costs:
// ports, connections to the store, and the bounds of what is worked on at a time.
//
// Which repositories there are is what lies in RepositoriesDir, looked at again and
// again: one that comes is served, one that goes is drained, and one whose
// configuration cannot be used says so in its own status and disturbs no other.
type Shared struct {
	*process
	options Options
	log     *slog.Logger
	// front answers for no repository.
	front *Server
	// registry of what is about no repository.
	registry *prometheus.Registry

	// members by the name of their file; of reload alone.
	members map[string]*member
	// retired are on their way out, or went a moment ago. Guarded by mu.
	retired []*member
	// retiring counts those whose end is under way.
	retiring sync.WaitGroup
	mu       sync.Mutex
	current  atomic.Pointer[table]

	api, admin, metrics net.Listener
}

// cacheShare divides what is remembered of a repository: many share the memory, and
// are small, or they would be given a server of their own.
const cacheShare = 8

// NewShared opens the ports. It fails where there is no RepositoriesDir.
func NewShared(o Options) (*Shared, error) {
	o = o.withDefaults()
	o.CacheShare = cacheShare
	if _, err := os.ReadDir(o.RepositoriesDir); err != nil {
		return nil, fmt.Errorf("configurations: %w", err)
	}
	p := newProcess(&o)
	s := &Shared{process: p, options: o, log: o.Logger, registry: o.Registry, members: map[string]*member{}}
	s.current.Store(&table{})
	s.front = &Server{process: p, options: o, log: o.Logger, now: o.Now, stopping: make(chan struct{})}
	// Of its metrics only the requests say anything.
	s.front.metrics = newMetrics(prometheus.NewRegistry(), func() bool { return false }, func() *serverstatus.Usage { return nil })
	prometheus.WrapRegistererWith(prometheus.Labels{repositoryLabel: ""}, s.registry).
		MustRegister(s.front.metrics.requests, s.front.metrics.durations)
	processMetrics(s.registry, o.Version)
	for _, l := range []struct {
		into  *net.Listener
		given net.Listener
		addr  string
	}{{&s.api, o.APIListener, o.Listen}, {&s.admin, o.AdminListener, o.AdminListen}, {&s.metrics, o.MetricsListener, o.MetricsListen}} {
		var err error
		if *l.into, err = listen(l.given, l.addr); err != nil {
			return nil, errors.Join(err, s.closePorts())
		}
	}
	return s, nil
}

// closePorts closes those that are open.
func (s *Shared) closePorts() (err error) {
	for _, l := range []net.Listener{s.api, s.admin, s.metrics} {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}

// Run serves until ctx ends and then drains, as Server.Run does.
func (s *Shared) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	defer func() { // the end of all
		stop()
		group.Wait()
		for _, m := range s.members {
			m.end()
		}
		s.retiring.Wait()
	}()
	s.look()
	following, unfollow := context.WithCancel(work)
	var follow sync.WaitGroup
	follow.Go(func() { s.reload(following) })
	group.Go(func() { s.trim(work) })
	failed := make(chan error, 3)
	var servers []*http.Server
	for l, h := range map[net.Listener]http.Handler{s.api: s.apiHandler(), s.admin: s.adminHandler(), s.metrics: s.metricsHandler()} {
		server := newHTTPServer(&s.options, h)
		if l == s.api {
			servers = append([]*http.Server{server}, servers...) // the first to be shut down
		} else {
			servers = append(servers, server)
		}
		go func() { failed <- server.Serve(l) }()
	}
	s.log.Info("serving", "api", s.api.Addr().String(), "admin", s.admin.Addr().String(), "metrics", s.metrics.Addr().String(),
		"repositories", len(s.members), "version", s.options.Version)
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	unfollow()
	follow.Wait()
	if err != nil {
		for _, server := range servers {
			err = errors.Join(err, server.Close())
		}
		return err
	}
	return s.drain(servers)
}

// drain ends all repositories as Server.drain ends one. servers begin with that of
// the clients' port.
func (s *Shared) drain(servers []*http.Server) error {
	s.front.draining.Store(true)
	for _, m := range s.members {
		m.drain()
	}
	s.log.Info("draining", "delay", s.options.DrainDelay.String())
	time.Sleep(s.options.DrainDelay)
	for _, m := range s.members {
		m.stopStreams()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.options.DrainTimeout)
	defer cancel()
	err := servers[0].Shutdown(ctx)
	var quotas sync.WaitGroup
	for _, m := range s.members {
		quotas.Go(m.closeQuota)
	}
	quotas.Wait()
	for _, server := range servers[1:] {
		if other := server.Shutdown(ctx); err == nil {
			err = other
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests were still running after the drain timeout")
		err = nil
		for _, server := range servers {
			err = errors.Join(err, server.Close())
		}
	}
	s.log.Info("stopped")
	return err
}
