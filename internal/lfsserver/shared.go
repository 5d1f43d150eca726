package lfsserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"

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
	open, err := listen(address{o.APIListener, o.Listen}, address{o.AdminListener, o.AdminListen}, address{o.MetricsListener, o.MetricsListen})
	if err != nil {
		return nil, err
	}
	s.api, s.admin, s.metrics = open[0], open[1], open[2]
	return s, nil
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
	follow.Go(func() { every(following, s.options.ReloadInterval, s.look) })
	settle := func() { unfollow(); follow.Wait() }
	defer settle()
	group.Go(func() { s.trim(work) })
	s.log.Info("serving", "api", s.api.Addr().String(), "admin", s.admin.Addr().String(), "metrics", s.metrics.Addr().String(),
		"repositories", len(s.members), "version", s.options.Version)
	ports := []port{{s.api, s.apiHandler()}, {s.admin, s.adminHandler()}, {s.metrics, s.metricsHandler()}}
	return serve(ctx, &s.options, ports, func() []*Server {
		settle() // from here on nobody comes or goes
		servers := []*Server{s.front}
		for _, m := range s.members {
			if m.server != nil {
				servers = append(servers, m.server)
			}
		}
		return servers
	})
}
