package lfsserver

import (
	"context"
	"crypto/sha256"
	"time"
)

// reload follows the mounted files until ctx ends. Polling by content is dull
// and right: volumes replace a link, editors rename, and an event that gets lost
// would leave an old token working.
func (s *Server) reload(ctx context.Context) {
	seen := [sha256.Size]byte{} // nothing, so that a change since New is seen
	look := func() {
		if f := readFiles(&s.options); f.digest != seen {
			seen = f.digest
			s.load(f)
		}
	}
	look()
	every(ctx, s.options.ReloadInterval, look)
}

// every calls f in that interval until ctx ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}

// load puts the files into force, or keeps what is and reports why.
func (s *Server) load(f *files) {
	prev := s.current.Load()
	next, err := s.build(f, prev)
	message := ""
	if err != nil {
		message = err.Error()
		s.metrics.reloadFailed()
		s.log.Error("the configuration could not be loaded; the old one stays in force", "error", message)
		// Secrets that came with it count all the same.
		f.config, f.configErr = prev.raw, nil
		next, err = s.build(f, prev)
	}
	s.reloadError.Store(&message)
	if err != nil {
		return
	}
	s.current.Store(next)
	if prev.store != nil && prev.store != next.store {
		// Requests that run keep their connections; idle ones are closed.
		prev.store.transport.CloseIdleConnections()
	}
	if next.hash != prev.hash {
		s.log.Info("configuration loaded", "generation", next.config.Repository.Generation, "hash", next.hash)
	}
	s.monitor.Look()
	s.lookAtIssuers()
}
