package objectstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// Observer is told of every request to the store: the call ("head", "put", …),
// how long the answer's header took, the HTTP status (0 where none came).
type Observer func(call string, d time.Duration, status int)

// NewTransport returns the connection pool to a store. roots, where not nil,
// replace the system's certificate authorities.
func NewTransport(roots *x509.CertPool) *http.Transport {
	t := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		// Lookups of all batches run side by side, 64 at most, and a few readings
		// of what garbage collection and other replicas say; fewer idle connections
		// than that would be opened and closed all the time.
		MaxIdleConns:          128,
		MaxIdleConnsPerHost:   96,
		IdleConnTimeout:       30 * time.Second,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
		ExpectContinueTimeout: 2 * time.Second,
		// Objects with Content-Encoding: gzip stay as they are.
		DisableCompression: true,
	}
	if roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return t
}

// call travels in a request's context: its name on the way out, the store's
// clock on the way back, which minio-go does not hand on.
type call struct {
	name string
	date time.Time
}

type callKey struct{}

func withCall(ctx context.Context, name string) (context.Context, *call) {
	c := &call{name: name}
	return context.WithValue(ctx, callKey{}, c), c
}

// Calls whose answer may take as long as the store needs to move the bytes.
const (
	callComplete = "complete-upload"
	callCopy     = "copy"
)

// observed reports every request and notes the Date of its answer.
type observed struct {
	next http.RoundTripper
	// patient takes the calls that may be silent for long; nil: next does.
	patient http.RoundTripper
	observe Observer
}

// newObserved makes one. A store that puts 100 GB together says nothing for
// minutes, which ResponseHeaderTimeout would take for a dead one: those calls
// end with their context alone.
func newObserved(next http.RoundTripper, observe Observer) *observed {
	o := &observed{next: next, observe: observe}
	if t, ok := next.(*http.Transport); ok {
		t = t.Clone()
		t.ResponseHeaderTimeout = 0
		o.patient = t
	}
	return o
}

func (o *observed) RoundTrip(req *http.Request) (*http.Response, error) {
	c, _ := req.Context().Value(callKey{}).(*call)
	if c == nil {
		c = &call{name: "other"}
	}
	next := o.next
	if o.patient != nil && (c.name == callComplete || c.name == callCopy) {
		next = o.patient
	}
	start := time.Now()
	resp, err := next.RoundTrip(req)
	status := 0
	if err == nil {
		status = resp.StatusCode
		if date, perr := http.ParseTime(resp.Header.Get("Date")); perr == nil {
			c.date = date
		}
	}
	if o.observe != nil {
		o.observe(c.name, time.Since(start), status)
	}
	return resp, err
}
