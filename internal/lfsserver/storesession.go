package lfsserver

import (
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/monitor"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/sessions"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// This file is about servers that hold sessions with their store instead of a key, by
// an issuer or by a role of their own (package sessions). A link dies with the session that signed it, so none is given
// out for longer; and what could not be sent in that time goes through the server,
// which has another session by then.

// Life implements transfer.Session.
func (s *session) Life(size int64) time.Duration {
	life := transfer.Lifetime(size)
	if s.host == nil || s.through(size) {
		return life
	}
	if left, bounded := s.signer.Left(); bounded {
		life = min(life, left.Truncate(time.Second))
	}
	return life
}

// through is true for objects whose parts and downloads go through the server.
func (s *session) through(size int64) bool { return s.snap.proxied() || s.tooLate(size) }

// tooLate is true where a link would die before a slow client is done with it.
func (s *session) tooLate(size int64) bool {
	if s.signer == nil {
		return false
	}
	left, bounded := s.signer.Left()
	return bounded && left < transfer.Needs(size)
}

// holdsSessions is true where the server is to work with sessions. While servers go
// over from one to the other, the configuration is ahead of what is mounted into
// their pods: until they are replaced, they go on with what they have.
func (s *Server) holdsSessions(cfg *serverconfig.Config, ca []byte, key bool) bool {
	if !sessioned(cfg) {
		return !key && s.now().Before(s.holder.State().EndsAt)
	}
	if _, err := os.Stat(s.options.StoreTokenFile); err != nil && key {
		return false
	}
	if from := cfg.Storage.Sessions; from != nil {
		s.holder.Use(sessions.FromIssuer(*from, s.options.StoreTokenFile))
	} else {
		s.holder.Use(sessions.FromWebIdentity(cfg.Storage, nil, s.options.StoreTokenFile, s.toStore(cfg, ca), digest(string(ca))))
	}
	return true
}

// sessioned is true where the configuration names something else than a key.
func sessioned(cfg *serverconfig.Config) bool {
	return cfg.Storage.Sessions != nil || cfg.Storage.WebIdentity != nil
}

// sessionProblem says why there is no session with the store, nil while there is.
func (s *Server) sessionProblem() *monitor.Problem {
	st, storage := s.holder.State(), s.current.Load().config.Storage
	switch {
	case s.now().Before(st.EndsAt):
		return nil
	case st.Error == "":
		return &monitor.Problem{Reason: serverstatus.ReasonChecking, Message: "The server is asking for its first session with the store."}
	case storage.Sessions == nil && storage.WebIdentity != nil:
		return monitor.NoWebIdentity(storage, st.Refused, st.Error)
	}
	return &monitor.Problem{Reason: serverstatus.ReasonSessionMissing, Message: fmt.Sprintf(
		"The server has no session with the store at %s: %s. The administrator of the store finds the session issuer in namespace %q.",
		storage.Endpoint, st.Error, storage.CredentialsNamespace)}
}

// sessionStatus is nil where the server works with the store's key.
func (s *Server) sessionStatus(snap *snapshot) *serverstatus.Session {
	if !sessioned(snap.config) {
		return nil
	}
	st := s.holder.State()
	return &serverstatus.Session{EndsAt: st.EndsAt, FailingSince: st.Failing, Error: st.Error}
}

// sessionMetrics show when the session ends, in time for an alert.
type sessionMetrics struct {
	holder *sessions.Holder
	now    func() time.Time
}

var (
	sessionEnds = prometheus.NewDesc("lfs_server_store_session_remaining_seconds",
		"What is left of the session with the object store; absent where the server works with a key.", nil, nil)
	sessionFails = prometheus.NewDesc("lfs_server_store_session_renewal_failing_seconds",
		"How long no new session could be got; 0 while all is well.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m sessionMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- sessionEnds; ch <- sessionFails }

// Collect implements prometheus.Collector.
func (m sessionMetrics) Collect(ch chan<- prometheus.Metric) {
	st := m.holder.State()
	if st.EndsAt.IsZero() && st.Failing.IsZero() {
		return
	}
	failing := 0.0
	if !st.Failing.IsZero() {
		failing = m.now().Sub(st.Failing).Seconds()
	}
	ch <- prometheus.MustNewConstMetric(sessionEnds, prometheus.GaugeValue, max(0, st.EndsAt.Sub(m.now()).Seconds()))
	ch <- prometheus.MustNewConstMetric(sessionFails, prometheus.GaugeValue, failing)
}
