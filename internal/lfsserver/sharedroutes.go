package lfsserver

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
)

// apiHandler passes a client's request on to the repository that its path names.
// Whoever asks for any other learns nothing.
func (s *Shared) apiHandler() http.Handler {
	none := s.front.instrument(func(http.ResponseWriter, *http.Request) error { return errNoRoute })
	moved := s.front.instrument(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Connection", "close")
		return errBusy("this repository is not served here at the moment; try again", drainRetry(), nil)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch m := s.current.Load().find(r.URL.Path); {
		case m == nil:
			none.ServeHTTP(w, r)
		case m.server == nil || m.gone.Load():
			moved.ServeHTTP(w, r)
		default:
			m.serve(m.api, w, r)
		}
	})
}

// adminHandler answers the kubelet, and whoever holds a token of a repository about
// that one: the token says which.
func (s *Shared) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", s.front.adminRoute("healthz", s.front.healthz))
	mux.Handle("GET /readyz", s.front.adminRoute("readyz", s.front.readyz))
	denied := s.front.adminRoute("none", func(http.ResponseWriter, *http.Request) error { return errAdminToken })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		hash := auth.BearerHash(r)
		for _, m := range s.current.Load().all {
			switch {
			case !m.knows(hash):
			case m.server == nil:
				s.front.adminRoute("status", func(w http.ResponseWriter, _ *http.Request) error {
					return writeJSON(w, http.StatusOK, s.statusOfRefused(m))
				}).ServeHTTP(w, r)
				return
			default:
				m.serve(m.admin, w, r)
				return
			}
		}
		denied.ServeHTTP(w, r)
	})
	return mux
}

// metricsHandler shows the metrics of all repositories, each with its name.
func (s *Shared) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(metricsPattern, func(w http.ResponseWriter, r *http.Request) {
		all := prometheus.Gatherers{s.registry}
		for _, m := range s.current.Load().all {
			if m.registry != nil && !m.gone.Load() {
				all = append(all, m.registry)
			}
		}
		metricsHandler(all).ServeHTTP(w, r)
	})
	return mux
}
