package lfsserver

import (
	"net/http"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// metricsPattern is where Prometheus asks.
const metricsPattern = "GET /metrics"

type adminEntry struct {
	pattern, name string
	handle        handler
}

// adminRoutes are all routes of the admin port but for the metrics.
func (s *Server) adminRoutes() []adminEntry {
	return []adminEntry{
		{"GET /healthz", "healthz", s.healthz},
		{"GET /readyz", "readyz", s.readyz},
		{"GET " + serverstatus.Path, "status", s.status},
		{"PUT " + serverstatus.ScanPath + "{run}", "scan", s.putScan},
		{"PUT " + serverstatus.HistoryCheckPath, "history-check", s.putHistoryCheck},
	}
}

// adminHandler answers the kubelet, Prometheus, the operator and jobs of garbage
// collection, on a port that clients do not reach.
func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.adminRoutes() {
		mux.Handle(r.pattern, s.adminRoute(r.name, r.handle))
	}
	if s.metrics.registry != nil {
		mux.Handle(metricsPattern, metricsHandler(s.metrics.registry))
	}
	mux.Handle("/", s.adminRoute("none", func(http.ResponseWriter, *http.Request) error { return errNoRoute }))
	return mux
}

func (s *Server) adminRoute(name string, next handler) http.Handler {
	inner := func(w http.ResponseWriter, r *http.Request) error {
		info := about(r)
		info.route, info.quiet = "admin:"+name, r.Method == http.MethodGet
		w.Header().Set("Content-Type", "application/json")
		return next(w, r)
	}
	return s.instrument(inner)
}

// healthz: the process answers, no more. A restart would mend nothing else.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, struct{}{})
}

// readyz does not depend on the store: a gateway's own 503 would be fatal to
// git-lfs, a 429 of ours is not.
//
// Nor does it end with draining: Kubernetes takes a pod that is being deleted out
// of the load balancing by itself, and falls back on such pods, for as long as
// they are ready, while no other is (a single replica that was evicted).
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, struct{}{})
}

// status tells the operator what only the server can see.
func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	snap := s.current.Load()
	if !auth.HashMatches(r, snap.config.StatusTokenHash) {
		return errAdminToken
	}
	st := s.monitor.State()
	out := serverstatus.Status{
		Version: s.options.Version,
		Config: serverstatus.Config{
			Generation: snap.config.Repository.Generation, Hash: snap.hash, Error: *s.reloadError.Load(),
		},
		Store: st.Store, Usage: s.usage.Last(), History: st.History, GC: st.GC, GCRequest: st.GCRequest,
		Adoption: st.Adoption,
		Access:   snap.auth.Problems(), Draining: s.draining.Load(),
	}
	if st.Location != snap.target.Location && st.Location != "" {
		out.Store = serverstatus.Store{Reason: serverstatus.ReasonChecking,
			Message: "The configuration has changed and is being checked.", CheckedAt: st.Store.CheckedAt}
	}
	out.Store.Session = s.sessionStatus(snap)
	return writeJSON(w, http.StatusOK, &out)
}

// errAdminToken does not say which token would do.
var errAdminToken = &statusError{status: http.StatusUnauthorized, message: "a valid token is needed",
	header: http.Header{"Www-Authenticate": {"Bearer"}}}
