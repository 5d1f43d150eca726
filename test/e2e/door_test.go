//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// door is a way to the store that a test holds: it can be shut, slow, or lie.
// Servers and clients use it as their store; signatures pass unharmed because
// it keeps the Host header.
type door struct {
	t    *testing.T
	addr string
	// lies: conditional writes always succeed, as on a store that ignores the
	// condition.
	lies atomic.Bool
	// delay of every upload.
	delay time.Duration
	// onUpload is called before each upload with its number, from 1.
	onUpload func(n int64)

	uploads atomic.Int64
	server  *http.Server
}

// newDoor makes a door that is shut.
func newDoor(t *testing.T) *door {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(env.Host, "0"))
	noError(t, err)
	d := &door{t: t, addr: l.Addr().String()}
	noError(t, l.Close())
	t.Cleanup(d.shut)
	return d
}

func (d *door) url() string { return "http://" + d.addr }

// open lets requests through.
func (d *door) open() {
	d.t.Helper()
	target, err := url.Parse(env.StoreURL)
	noError(d.t, err)
	l, err := net.Listen("tcp", d.addr)
	noError(d.t, err)
	d.server = &http.Server{Handler: d.handler(target), ReadHeaderTimeout: time.Minute}
	go func() { _ = d.server.Serve(l) }()
}

// shut refuses connections.
func (d *door) shut() {
	if d.server != nil {
		_ = d.server.Close()
	}
}

func (d *door) handler(target *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(resp *http.Response) error {
			if d.lies.Load() && resp.StatusCode == http.StatusPreconditionFailed {
				resp.StatusCode, resp.Body, resp.ContentLength = http.StatusOK, http.NoBody, 0
				resp.Header = http.Header{"Etag": {`"0123456789abcdef0123456789abcdef"`}, "Date": resp.Header["Date"]}
			}
			return nil
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			time.Sleep(d.delay)
			if n := d.uploads.Add(1); d.onUpload != nil {
				d.onUpload(n)
			}
		}
		proxy.ServeHTTP(w, r)
	})
}

// checksum as S3 writes it.
func checksum(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}
