package lfsserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Limits of what a scan may leave in the bucket. A live set takes about 100
// bytes per object and path.
const (
	maxScan         = 1 << 30
	maxHistoryCheck = 1 << 20
	scanTimeout     = 15 * time.Minute
)

// putScan takes a scan's live set and streams it into the bucket. Whoever runs a
// scan holds no credentials of the store, only a token that can do this.
func (s *Server) putScan(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.scanner(r)
	if err != nil {
		return err
	}
	run := r.PathValue("run")
	if !validRun(run) {
		return &statusError{status: http.StatusBadRequest, message: "a run is named by lower-case letters, digits, hyphens and dots (not first), at most 253"}
	}
	if err := bounded(r, maxScan); err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(scanTimeout))
	_ = rc.SetWriteDeadline(time.Now().Add(scanTimeout + writeTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), scanTimeout)
	defer cancel()
	// The reader hides everything but Read: minio-go would close, and rewind
	// what looks as if it could be.
	body := struct{ io.Reader }{r.Body}
	if _, err := snap.store.bucket.Put(ctx, snap.prefix.GCScan(run), body, r.ContentLength, objectstore.Condition{}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// putHistoryCheck takes the answer to "can the history be read". It lies in the
// bucket, where every replica's monitor finds it.
func (s *Server) putHistoryCheck(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.scanner(r)
	if err != nil {
		return err
	}
	if err := bounded(r, maxHistoryCheck); err != nil {
		return err
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHistoryCheck))
	if err != nil {
		return &statusError{status: http.StatusBadRequest, message: "the body ended early"}
	}
	var check serverstatus.HistoryCheck
	if err := json.Unmarshal(raw, &check); err != nil {
		return &statusError{status: http.StatusBadRequest, message: "the body is not a history check"}
	}
	if raw, err = json.Marshal(&check); err != nil {
		return err
	}
	if _, err := snap.store.bucket.Put(r.Context(), snap.prefix.HistoryCheck(), bytes.NewReader(raw), int64(len(raw)), objectstore.Condition{}); err != nil {
		return err
	}
	s.monitor.Look()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// scanner checks the scan token and that there is a store to write to.
func (s *Server) scanner(r *http.Request) (*snapshot, error) {
	snap := s.current.Load()
	if !auth.HashMatches(r, snap.config.ScanTokenHash) {
		return nil, errAdminToken
	}
	return snap, s.serving(&call{snapshot: snap, r: r})
}

// bounded refuses bodies of unknown or too great length: S3 wants the length
// first, and nothing is buffered here.
func bounded(r *http.Request, most int64) error {
	switch {
	case r.ContentLength < 0:
		return &statusError{status: http.StatusLengthRequired, message: "Content-Length is required"}
	case r.ContentLength > most:
		return &statusError{status: http.StatusRequestEntityTooLarge, message: "the body is too large"}
	}
	return nil
}

// validRun is true for names that Jobs can have.
func validRun(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-."
	return s != "" && len(s) <= 253 && s[0] != '.' && strings.Trim(s, allowed) == ""
}
