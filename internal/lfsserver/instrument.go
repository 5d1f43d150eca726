package lfsserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// handler answers a request or says why not.
type handler func(w http.ResponseWriter, r *http.Request) error

// requestInfo is what a request's handlers tell the log and the metrics.
type requestInfo struct {
	id        string
	route     string
	operation string
	principal string
	// grantor of an action token: what let in whoever it was made for.
	grantor string
	objects int
	// dialect of a batch.
	dialect string
	// quiet requests come every few seconds and say nothing new.
	quiet bool
}

type requestInfoKey struct{}

// about returns the request's info, to be filled in.
func about(r *http.Request) *requestInfo {
	return r.Context().Value(requestInfoKey{}).(*requestInfo)
}

// Deadlines of an ordinary request: its body is a few kilobytes.
const (
	readTimeout  = 30 * time.Second
	writeTimeout = 60 * time.Second
)

// instrument runs a handler: deadlines, one line in the log, metrics, and the
// one place where an error becomes an answer.
func (s *Server) instrument(next handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		info := &requestInfo{id: newRequestID(), route: "none"}
		rec := &recorder{ResponseWriter: w}
		rc := http.NewResponseController(w)
		_ = rc.SetReadDeadline(start.Add(readTimeout))
		_ = rc.SetWriteDeadline(start.Add(writeTimeout))
		w.Header().Set("X-Request-Id", info.id)
		w.Header().Set("Cache-Control", "no-store")
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		r = r.WithContext(context.WithValue(r.Context(), requestInfoKey{}, info))
		err := guarded(next, rec, r)
		if err != nil && rec.status == 0 {
			writeError(rec, toStatus(err), info.id)
		}
		s.metrics.observeRequest(info, rec.status, time.Since(start))
		s.logRequest(r, info, rec, err, time.Since(start))
	})
}

// guarded turns a panic into an error: one request fails and no more.
func guarded(next handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			err = &panicError{value: p, at: panickedAt()}
		}
	}()
	return next(w, r)
}

// panicError names the line and no more: a stack holds arguments, and those may
// be secrets.
type panicError struct {
	value any
	at    string
}

// Error implements error.
func (e *panicError) Error() string { return fmt.Sprintf("panic: %v (at %s)", e.value, e.at) }

// panickedAt is the first line of ours beneath the panic.
func panickedAt() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if !more || !strings.HasPrefix(f.Function, "runtime.") {
			return f.Function + ":" + strconv.Itoa(f.Line)
		}
	}
}

// logRequest writes the request's line. Neither query nor headers are in it:
// both may carry secrets.
func (s *Server) logRequest(r *http.Request, info *requestInfo, rec *recorder, err error, d time.Duration) {
	level := slog.LevelInfo
	switch {
	case rec.status >= 500 && !info.quiet:
		level = slog.LevelError
	case info.quiet:
		level = slog.LevelDebug
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String("request_id", info.id), slog.String("route", info.route),
		slog.String("method", r.Method), slog.Int("status", rec.status),
		slog.Float64("duration_ms", float64(d.Microseconds())/1000))
	if info.operation != "" {
		attrs = append(attrs, slog.String("operation", info.operation), slog.Int("objects", info.objects))
	}
	if info.dialect != "" {
		attrs = append(attrs, slog.String("dialect", info.dialect))
	}
	if info.principal != "" {
		attrs = append(attrs, slog.String("principal", info.principal))
	}
	attrs = append(attrs, slog.String("client", clip(r.UserAgent(), 80)))
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// recorder notes the status.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if status >= 200 && r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// clip bounds what a client can put into the log.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
