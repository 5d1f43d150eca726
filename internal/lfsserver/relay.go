package lfsserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// idle is how long a client may neither send nor take a byte while an object
// goes through. There is no limit to the whole: a body may take hours.
const idle = 60 * time.Second

// often enough to move a deadline.
const extendEvery = time.Second

var noCapabilities serverstatus.Capabilities

// incoming is a body that may take as long as it flows.
type incoming struct {
	body     *http.Request
	rc       *http.ResponseController
	extended time.Time
	count    prometheus.Counter
	// err ended it before its end.
	err atomic.Pointer[error]
	// read, where set, is told of every read.
	read func()
}

// incoming is the request's body as a relay reads it.
func (s *Server) incoming(c *call) *incoming {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Time{})
	return &incoming{body: c.r, rc: http.NewResponseController(c.w), count: s.metrics.relayed.WithLabelValues("up")}
}

// Read implements io.Reader.
func (b *incoming) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(b.extended) > extendEvery {
		_ = b.rc.SetReadDeadline(now.Add(idle))
		b.extended = now
	}
	n, err := b.body.Body.Read(p)
	b.count.Add(float64(n))
	if b.read != nil {
		b.read()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err.Store(&err)
	}
	return n, err
}

// broken is stream.ErrCutOff where the body ended early.
func (b *incoming) broken() error {
	if err := b.err.Load(); err != nil {
		return fmt.Errorf("%w: %w", stream.ErrCutOff, *err)
	}
	return nil
}

// outgoing is an answer that may take as long as it flows.
type outgoing struct {
	http.ResponseWriter
	rc       *http.ResponseController
	extended time.Time
	count    prometheus.Counter
}

func (s *Server) outgoing(c *call) *outgoing {
	return &outgoing{ResponseWriter: c.w, rc: http.NewResponseController(c.w), count: s.metrics.relayed.WithLabelValues("down")}
}

// Write implements io.Writer.
func (w *outgoing) Write(p []byte) (int, error) {
	if now := time.Now(); now.Sub(w.extended) > extendEvery {
		_ = w.rc.SetWriteDeadline(now.Add(idle))
		w.extended = now
	}
	n, err := w.ResponseWriter.Write(p)
	w.count.Add(float64(n))
	return n, err
}

// buffers of answers that go through.
var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// ReadFrom implements io.ReaderFrom, with a buffer that is not made anew.
func (w *outgoing) ReadFrom(r io.Reader) (int64, error) {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	return io.CopyBuffer(struct{ io.Writer }{w}, r, *b)
}

// receive takes a body and finishes the object, if that was all of it.
func (s *Server) receive(c *call, w *stream.Writer, t stream.Target) error {
	err := w.Receive(c.r.Context(), s.incoming(c), c.r.ContentLength)
	if err == nil && w.Ready() {
		_, err = s.patiently(c, func(ctx context.Context) (objectstore.Info, error) {
			// What is there is worth finishing, whether somebody waits or not.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestFinish)
			defer cancel()
			return w.Finish(ctx)
		})
		if err == nil {
			s.usage.Changed()
			s.auditObjects(c, auditUploadFinished, t.OID)
		}
	}
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(writeTimeout))
	return err
}

// longestFinish is how long a store may take to put 10,000 parts together.
const longestFinish = time.Hour
