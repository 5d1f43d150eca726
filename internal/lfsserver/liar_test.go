package lfsserver_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// liar is a store that does most things right: a proxy before the real one that
// takes some requests into its own hands until it becomes honest.
type liar struct {
	*httptest.Server
	honest atomic.Bool
}

func startLiar(t *testing.T, store *assets.Store, b objectstore.Bucket, lie func(objectstore.Bucket, *http.Request) bool) *liar {
	t.Helper()
	target, err := url.Parse(store.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	// The Host header stays: signatures cover it, and the real store believes
	// whatever host a request names.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	l := &liar{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.honest.Load() && lie(b, r) {
			w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
			w.WriteHeader(http.StatusOK)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

func keyOf(r *http.Request) string {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return key
}

func putAnyway(b objectstore.Bucket, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	_, err = b.Put(r.Context(), keyOf(r), strings.NewReader(string(body)), int64(len(body)), objectstore.Condition{})
	return err == nil
}

// ignoreChecksums stores any body that a presigned PUT brings.
func ignoreChecksums(b objectstore.Bucket, r *http.Request) bool {
	return r.Method == http.MethodPut && r.URL.Query().Has("X-Amz-Signature") && putAnyway(b, r)
}

// ignoreMissing stores a presigned PUT that leaves its signed header out.
func ignoreMissing(b objectstore.Bucket, r *http.Request) bool {
	return r.Header.Get("X-Amz-Checksum-Sha256") == "" && ignoreChecksums(b, r)
}

// ignoreConditions stores although the object is there.
func ignoreConditions(b objectstore.Bucket, r *http.Request) bool {
	return r.Method == http.MethodPut && (r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Match") != "") && putAnyway(b, r)
}

// ignoreExpiry deletes whenever asked.
func ignoreExpiry(b objectstore.Bucket, r *http.Request) bool {
	return r.Method == http.MethodDelete && r.URL.Query().Has("X-Amz-Signature") && b.Delete(r.Context(), keyOf(r), "") == nil
}

// obeyCopySource puts another object in the place of a presigned PUT's body,
// whatever was signed.
func obeyCopySource(b objectstore.Bucket, r *http.Request) bool {
	_, source, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("X-Amz-Copy-Source"), "/"), "/")
	if !ok || !r.URL.Query().Has("X-Amz-Signature") {
		return false
	}
	body, info, err := b.Get(r.Context(), source, "")
	if err != nil {
		return false
	}
	defer body.Close()
	_, err = b.Put(r.Context(), keyOf(r), body, info.Size, objectstore.Condition{})
	return err == nil
}
