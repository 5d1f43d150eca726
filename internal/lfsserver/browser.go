package lfsserver

import (
	"net/http"
	"strings"
)

// allowBrowsers lets pages of any origin read answers (Fetch standard, "CORS
// protocol"). Nothing here trusts a cookie: whoever has no token gets nothing.
func allowBrowsers(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Lfs-Authenticate, Retry-After, X-Request-Id, Accept-Ranges, Content-Range, "+tusHeaders)
}

// preflight says what a page may send.
func preflight(w http.ResponseWriter, rt *route) error {
	h, methods := w.Header(), rt.methods
	if len(methods) == 0 {
		methods = []string{http.MethodGet, http.MethodPost}
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, X-Requested-With, Range, If-Range, Digest, "+tusHeaders)
	h.Set("Access-Control-Max-Age", "600")
	if rt.options != nil {
		rt.options(h)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
