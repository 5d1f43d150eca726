package lfsserver

import "net/http"

// Routes of the API, as "METHOD path", for tests that want to see each of them.
func Routes() []string {
	var out []string
	for _, r := range routes {
		methods := r.methods
		if len(methods) == 0 {
			methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}
		}
		for _, m := range methods {
			out = append(out, m+" "+r.path)
		}
	}
	return out
}

// AdminRoutes are those of the admin port, as patterns of http.ServeMux.
func AdminRoutes() []string {
	var out []string
	for _, r := range (&Server{}).adminRoutes() {
		out = append(out, r.pattern)
	}
	return append(out, metricsPattern)
}
