package lfsserver

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
)

// The tus protocol, version 1.0 (https://tus.io/protocols/resumable-upload), with
// its extensions expiration and termination. Creation is not there: the batch API
// hands out the links.
const (
	tusVersion    = "1.0.0"
	tusExtensions = "expiration,termination"
	tusBody       = "application/offset+octet-stream"
	// tusHeaders that pages may send and read.
	tusHeaders = "Tus-Resumable, Tus-Version, Tus-Extension, Upload-Offset, Upload-Length, Upload-Expires, X-HTTP-Method-Override"
)

// tusMethods: POST only with X-HTTP-Method-Override.
var tusMethods = []string{http.MethodHead, http.MethodPatch, http.MethodDelete, http.MethodPost}

// tusOptions says what the server can.
func tusOptions(h http.Header) {
	h.Set("Tus-Resumable", tusVersion)
	h.Set("Tus-Version", tusVersion)
	h.Set("Tus-Extension", tusExtensions)
	h.Set("Tus-Max-Size", strconv.FormatInt(objectstore.MaxObjectSize, 10))
}

// tus answers one request of an upload.
func (s *Server) tus(c *call) error {
	c.info.dialect = "tus"
	c.w.Header().Set("Tus-Resumable", tusVersion)
	if c.r.Header.Get("Tus-Resumable") != tusVersion {
		return &statusError{status: http.StatusPreconditionFailed, message: "this server speaks tus " + tusVersion + "; send it in the header Tus-Resumable",
			header: http.Header{"Tus-Version": {tusVersion}}}
	}
	method := c.r.Method
	if method == http.MethodPost {
		method = c.r.Header.Get("X-HTTP-Method-Override")
	}
	var do func(*Server, *call, stream.Target) error
	switch method {
	case http.MethodHead:
		do = (*Server).tusOffset
	case http.MethodPatch:
		do = (*Server).tusAppend
	case http.MethodDelete:
		do = (*Server).tusDelete
	default:
		return &statusError{status: http.StatusMethodNotAllowed, message: "method not allowed; the link of this upload comes from the batch API",
			header: http.Header{"Allow": {"HEAD, PATCH, DELETE"}}}
	}
	t, err := s.receiving(c, c.tail, policy.Receive)
	if err == nil {
		err = do(s, c, t)
	}
	return locked(s.troubled(err))
}

// locked is 423 for 429: clients of tus come back after the one and give up on the
// other.
func locked(err error) error {
	if err == nil {
		return nil
	}
	e := toStatus(err)
	if e.status != http.StatusTooManyRequests {
		return e
	}
	return &statusError{status: http.StatusLocked, message: e.message, header: e.header, cause: e.cause}
}

// tusOffset says where to go on.
func (s *Server) tusOffset(c *call, t stream.Target) error {
	ctx, cancel := context.WithTimeout(c.r.Context(), batch.Timeout)
	defer cancel()
	offset, err := s.streams(c).Offset(ctx, t)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	h.Set("Upload-Length", strconv.FormatInt(t.Size, 10))
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// tusAppend takes bytes. Those that make the object whole are answered once it is
// there: some clients ask for nothing more.
func (s *Server) tusAppend(c *call, t stream.Target) error {
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if kind != tusBody {
		return &statusError{status: http.StatusUnsupportedMediaType, message: "want Content-Type: " + tusBody}
	}
	offset, err := strconv.ParseInt(c.r.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || offset < 0 {
		return badRequest("Upload-Offset must be a whole number of bytes and not negative")
	}
	if c.r.ContentLength > t.Size-offset {
		return stream.ErrTooLong // before a client that waits to be asked sends it
	}
	service := s.streams(c)
	service.Stopping = s.stopping
	w, err := service.Open(c.r.Context(), t, offset)
	if err != nil {
		return err
	}
	if err := s.receive(c, w, t); err != nil {
		return err
	}
	c.w.Header().Set("Upload-Offset", strconv.FormatInt(w.Offset(), 10))
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// tusDelete throws an upload away; an object that is there stays.
func (s *Server) tusDelete(c *call, t stream.Target) error {
	ctx, cancel := context.WithTimeout(c.r.Context(), batch.Timeout)
	defer cancel()
	if err := s.streams(c).Abort(ctx, t); err != nil {
		return err
	}
	s.auditObjects(c, auditUploadAborted, t.OID)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// receiving finds out what the bearer of a link may send. A link that is no good
// (any more) is one that does not exist: there are no credentials to ask for.
func (s *Server) receiving(c *call, secret string, op policy.Operation) (stream.Target, error) {
	c.info.operation, c.info.objects = string(op), 1
	claims, err := s.linked(c, secret, op)
	if err != nil {
		return stream.Target{}, err
	}
	c.w.Header().Set("Upload-Expires", claims.Expires.UTC().Format(http.TimeFormat))
	return stream.Target{OID: claims.OID, Size: claims.Size, Client: claims.Upload}, s.serving(c)
}

// linked opens the token of a link to this server's own content.
func (s *Server) linked(c *call, secret string, op policy.Operation) (*token.Claims, error) {
	id, err := c.auth.ActionToken(secret, s.now())
	switch {
	case errors.Is(err, token.ErrExpired):
		return nil, &statusError{status: http.StatusGone, message: "this link has expired; ask the batch API for another", cause: err}
	case err != nil:
		return nil, &statusError{status: http.StatusNotFound, message: "this link is not valid; ask the batch API for another", cause: err}
	}
	c.info.principal, c.info.grantor = id.Principal(), id.Action.By
	if policy.Decide(c.rules, id, op) != policy.Allow {
		return nil, errOtherLink
	}
	return id.Action, nil
}

var errOtherLink = &statusError{status: http.StatusForbidden, message: "this link was made for something else"}

// streams is the engine of what the server itself receives, for one request.
func (s *Server) streams(c *call) *stream.Service {
	caps := cmp.Or(s.monitor.State().Store.Capabilities, &noCapabilities)
	return &stream.Service{
		Store: c.store.bucket, Prefix: c.prefix, Guard: c.store.guard, Now: s.now,
		Receiver: objectstore.NewReceiver(c.store.bucket, c.prefix, *caps),
	}
}
