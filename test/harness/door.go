package harness

import (
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// Door is a way to the dev store that can be shut, slow, or lie. Servers and
// clients use it as their store; signatures pass unharmed because it keeps the Host
// header.
type Door struct {
	// Addr is where it listens while open.
	Addr string
	// Lies: conditional writes always succeed, as on a store that ignores the
	// condition.
	Lies atomic.Bool
	// Delay of every upload.
	Delay time.Duration
	// OnUpload is called before each upload with its number, from 1.
	OnUpload func(n int64)
	// Uploads that have come.
	Uploads atomic.Int64

	target *url.URL
	server *http.Server
}

// NewDoor makes a door that is shut.
func (e *Env) NewDoor() (*Door, error) {
	target, err := url.Parse(e.StoreURL)
	if err != nil {
		return nil, err
	}
	for range 100 {
		// Below the ports that the kernel gives to whoever asks for any: it is to be
		// had again when the door opens.
		addr := net.JoinHostPort(e.Host, strconv.Itoa(20_000+rand.IntN(10_000)))
		l, failed := net.Listen("tcp", addr)
		if err = failed; err == nil {
			return &Door{Addr: addr, target: target}, l.Close()
		}
	}
	return nil, err
}

// URL of the store behind the door.
func (d *Door) URL() string { return "http://" + d.Addr }

// Open lets requests through.
func (d *Door) Open() error {
	l, err := net.Listen("tcp", d.Addr)
	if err != nil {
		return err
	}
	d.server = &http.Server{Handler: d.handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = d.server.Serve(l) }()
	return nil
}

// Shut cuts connections and refuses new ones.
func (d *Door) Shut() {
	if d.server != nil {
		_ = d.server.Close()
	}
}

func (d *Door) handler() http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(d.target)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(resp *http.Response) error {
			if d.Lies.Load() && resp.StatusCode == http.StatusPreconditionFailed {
				resp.StatusCode, resp.Body, resp.ContentLength = http.StatusOK, http.NoBody, 0
				resp.Header = http.Header{"Etag": {`"0123456789abcdef0123456789abcdef"`}, "Date": resp.Header["Date"]}
			}
			return nil
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			time.Sleep(d.Delay)
			if n := d.Uploads.Add(1); d.OnUpload != nil {
				d.OnUpload(n)
			}
		}
		proxy.ServeHTTP(w, r)
	})
}
