package lfsserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

const (
	// gcPatience is how long a request that has led to no report stands for those
	// that come after it. Later, whoever asks asks anew.
	gcPatience = 10 * time.Minute
	// maxGCReport in bytes.
	maxGCReport = 1 << 20
)

// States of a request for garbage collection.
const (
	gcNone    = "None"
	gcPending = "Pending"
	gcServed  = "Served"
)

// gcAnswer says what became of the last request, and what the last run found.
type gcAnswer struct {
	State   string                  `json:"state"`
	Message string                  `json:"message,omitempty"`
	Request *serverstatus.GCRequest `json:"request"`
	// Report is the whole report, null before the first run.
	Report json.RawMessage `json:"report"`
}

// gc asks for garbage collection (POST), or shows the last request and the last
// report (GET). The server starts nothing itself: it notes the request in the
// bucket, where every replica finds it and tells the operator.
func (s *Server) gc(c *call) error {
	c.info.operation = string(policy.GC)
	id, err := s.identify(c)
	if err != nil {
		return err
	}
	if err := permit(c, id, policy.GC); err != nil {
		return err
	}
	if err := s.serving(c); err != nil {
		return err
	}
	status := http.StatusOK
	if c.r.Method == http.MethodPost && c.config.GC.Suspended {
		return errGCSuspended
	}
	var answer *gcAnswer
	err = s.inTurn(c, func(ctx context.Context) error {
		if c.r.Method == http.MethodPost {
			r, err := s.askForGC(ctx, c, id.Principal())
			if err != nil {
				return err
			}
			s.audit(c, auditGC, slog.String("gc_request", r.ID))
			s.monitor.Look()
			status = http.StatusAccepted
		}
		answer, err = c.gcState(ctx)
		return err
	})
	if err != nil {
		return s.troubled(err)
	}
	return writeJSON(c.w, status, answer)
}

// gcState reads request and report.
func (c *call) gcState(ctx context.Context) (*gcAnswer, error) {
	raw, _, err := c.readObject(ctx, c.prefix.GCReport(), maxGCReport)
	if err != nil {
		return nil, err
	}
	var report serverstatus.GCReport
	if json.Unmarshal(raw, &report) != nil {
		raw = nil
	}
	a := &gcAnswer{State: gcNone, Report: raw}
	if a.Request, _, err = c.gcRequest(ctx); err != nil {
		return nil, err
	}
	switch {
	case a.Request == nil:
	case a.Request.ServedBy(&report):
		a.State = gcServed
	default:
		a.State = gcPending
		a.Message = "the operator starts the run when it next asks this server, usually within half a minute; the report follows when the run has ended"
	}
	return a, nil
}

// askForGC notes a request, or returns the one that stands already.
func (s *Server) askForGC(ctx context.Context, c *call, who string) (*serverstatus.GCRequest, error) {
	for {
		known, etag, err := c.gcRequest(ctx)
		if err != nil {
			return nil, err
		}
		if known != nil && s.now().Sub(known.RequestedAt) < gcPatience && !known.ServedBy(s.monitor.State().GC) {
			return known, nil
		}
		mine := &serverstatus.GCRequest{ID: strings.ToLower(rand.Text()), By: printable(who), RequestedAt: s.now().UTC()}
		raw, err := json.Marshal(mine)
		if err != nil {
			return nil, err
		}
		_, err = c.store.bucket.Put(ctx, c.prefix.GCRequest(), bytes.NewReader(raw), int64(len(raw)),
			objectstore.Condition{IfAbsent: etag == "", IfMatch: etag})
		if err == nil {
			return mine, nil
		}
		if !errors.Is(err, objectstore.ErrPreconditionFailed) {
			return nil, err
		}
		// Somebody asked at the same moment, or this was written and the answer
		// lost: what stands there now is a request like this one.
	}
}

// gcRequest reads the last request, nil where nobody ever asked.
func (c *call) gcRequest(ctx context.Context) (*serverstatus.GCRequest, string, error) {
	raw, etag, err := c.readObject(ctx, c.prefix.GCRequest(), 64<<10)
	if err != nil || raw == nil {
		return nil, "", err
	}
	r := &serverstatus.GCRequest{}
	if unread := json.Unmarshal(raw, r); unread != nil || r.ID == "" {
		r = nil // the next request writes over it
	}
	return r, etag, nil
}

// readObject reads a small object, nil where it is not there.
func (c *call) readObject(ctx context.Context, key string, most int64) ([]byte, string, error) {
	raw, info, err := objectstore.ReadSmall(ctx, c.store.bucket, key, "", most)
	if errors.Is(err, objectstore.ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	return raw, info.ETag, nil
}
