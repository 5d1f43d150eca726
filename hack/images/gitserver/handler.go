package main

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
)

// handler serves the repositories at /NAME.git, and /healthz to anybody. With a
// user and password set, everything else asks for them.
func handler(repos *repositories, user, password string) http.Handler {
	backend := &cgi.Handler{
		Path: repos.backend,
		Dir:  repos.root,
		Env: append(env(),
			"GIT_PROJECT_ROOT="+repos.root,
			"GIT_HTTP_EXPORT_ALL=1",
			// Without a name for the pusher http-backend refuses to receive.
			"REMOTE_USER=git",
		),
		InheritEnv: []string{"PATH", "GIT_EXEC_PATH", "LD_LIBRARY_PATH"},
		Stderr:     os.Stderr,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("/", authenticated(user, password, unchunked(backend)))
	return mux
}

// unchunked lets pushes of more than a megabyte through: git sends those
// chunked, which net/http/cgi refuses since CGI cannot say it. http-backend
// needs no length, it reads to the end.
func unchunked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.TransferEncoding = nil
		next.ServeHTTP(w, r)
	})
}

func authenticated(user, password string, next http.Handler) http.Handler {
	if user == "" && password == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(u), []byte(user))&subtle.ConstantTimeCompare([]byte(p), []byte(password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "a user name and a password are needed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
