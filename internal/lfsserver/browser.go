package lfsserver

import (
	"net/http"
	"strings"
)

// allowBrowsers lets pages of any origin read answers (Fetch standard, "CORS
// protocol"). Nothing here trusts a cookie: whoever has no token gets nothing.
func allowBrowsers(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Lfs-Authenticate, Retry-After, X-Request-Id")
}

// preflight says what a page may send.
func preflight(w http.ResponseWriter, methods []string) error {
	h := w.Header()
	if len(methods) == 0 {
		methods = []string{http.MethodGet, http.MethodPost}
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, X-Requested-With")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
