package lfsserver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
)

// Reading back 100 GB takes minutes, and no byte of the answer may go out before
// the verdict. git-lfs breaks a connection after 30 s of silence, so interim
// answers (RFC 9110, section 15.2) are sent meanwhile.
//
// Which one depends on the client. Python's http.client skips only 100, and takes
// any other for the answer; Node's undici breaks the connection at a 100 that it
// did not ask for, and skips all others. Go skips any, but clients built with Go
// before 1.24 no more than five of them, hence the growing intervals: those last
// for a minute and a half.
const (
	firstInterim = 8 * time.Second
	mostInterim  = 25 * time.Second
)

// finish finishes an upload in parts.
func (s *Server) finish(c *call, t upload.Target) (objectstore.Info, error) {
	service := s.uploads(c)
	return s.patiently(c, func(ctx context.Context) (objectstore.Info, error) { return service.Finish(ctx, t) })
}

// patiently finishes an upload while the client is kept waiting.
func (s *Server) patiently(c *call, finish func(context.Context) (objectstore.Info, error)) (objectstore.Info, error) {
	start := time.Now()
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Time{})
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	type result struct {
		info objectstore.Info
		err  error
	}
	done := make(chan result, 1)
	go func() {
		info, err := guardedFinish(c.r.Context(), finish)
		done <- result{info, err}
	}()
	wait := s.options.FirstInterim
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case r := <-done:
			s.metrics.observeFinish(outcome(r.err), time.Since(start))
			_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(writeTimeout))
			return r.info, r.err
		case <-timer.C:
			// A dead connection must not keep this goroutine.
			_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(writeTimeout))
			if c.r.ProtoAtLeast(1, 1) { // HTTP/1.0 knows no interim answers
				c.w.WriteHeader(interim(c.r))
			}
			wait = min(wait*3/2, mostInterim)
			timer.Reset(wait)
		}
	}
}

// guardedFinish turns a panic into an error: nobody above its goroutine would.
func guardedFinish(ctx context.Context, finish func(context.Context) (objectstore.Info, error)) (info objectstore.Info, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, at: panickedAt()}
		}
	}()
	return finish(ctx)
}

// interim is the status that a client skips.
func interim(r *http.Request) int {
	if strings.Contains(strings.ToLower(r.UserAgent()), "python") {
		return http.StatusContinue
	}
	return http.StatusProcessing
}

// outcome of a Finish for metrics.
func outcome(err error) string {
	var missing *upload.MissingError
	switch {
	case err == nil:
		return "proven"
	case errors.Is(err, objectstore.ErrWrongContent):
		return "wrong"
	case errors.As(err, &missing), errors.Is(err, upload.ErrNone):
		return "missing"
	}
	return "failed"
}
