package lfsserver

import (
	"log/slog"
	"net"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/locks"
)

// What the audit log knows, by its field "action".
const (
	auditUploadGranted  = "upload.granted"
	auditUploadFinished = "upload.finished"
	auditUploadAborted  = "upload.aborted"
	auditDownload       = "download.granted"
	auditLock           = "lock.created"
	auditUnlock         = "lock.released"
	// auditBreak: a lock of somebody else's, by force.
	auditBreak = "lock.broken"
	auditGC    = "gc.requested"
)

// auditOIDs is the most OIDs of one line. More objects take more lines, ten at the
// most for a batch, so that no line is longer than what collectors of logs take.
const auditOIDs = 100

// audit writes down what somebody was allowed to do, before they are told, in
// lines apart from the request log by "log":"audit". No line holds a secret.
func (s *Server) audit(c *call, action string, attrs ...slog.Attr) {
	if c.config.AuditDisabled {
		return
	}
	host, _, _ := net.SplitHostPort(c.r.RemoteAddr)
	repo := c.config.Repository
	line := []slog.Attr{
		slog.String("log", "audit"), slog.String("action", action), slog.String("request_id", c.info.id),
		slog.String("repository", repo.Namespace+"/"+repo.Name), slog.String("principal", c.info.principal),
	}
	if c.info.grantor != "" {
		line = append(line, slog.String("granted_by", c.info.grantor))
	}
	line = append(line, slog.String("address", host))
	// Whoever sends it can write anything into it: it says something only behind
	// a proxy that does not pass on what clients send.
	if f := c.r.Header.Get("X-Forwarded-For"); f != "" {
		line = append(line, slog.String("forwarded_for", clip(f, 200)))
	}
	line = append(line, slog.String("client", clip(c.r.UserAgent(), 80)))
	s.options.AuditLogger.LogAttrs(c.r.Context(), slog.LevelInfo, "audit", append(line, attrs...)...)
}

// auditObjects names the objects that it was about, if any.
func (s *Server) auditObjects(c *call, action string, oids ...string) {
	for len(oids) > 0 {
		n := min(auditOIDs, len(oids))
		s.audit(c, action, slog.Int("objects", n), slog.Any("oids", oids[:n]))
		oids = oids[n:]
	}
}

// auditBatch is about the objects that links were made for.
func (s *Server) auditBatch(c *call, resp *batch.Response) {
	s.auditObjects(c, auditUploadGranted, resp.OIDs(batch.OutcomeUpload)...)
	s.auditObjects(c, auditDownload, resp.OIDs(batch.OutcomeDownload)...)
}

func (s *Server) auditLock(c *call, action string, l locks.Lock) {
	s.audit(c, action, slog.String("path", l.Path), slog.String("lock", l.ID), slog.String("owner", l.Owner), slog.String("ref", l.Ref))
}
