package lfsserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
)

// content moves a whole object through the server: to clients that cannot reach
// the store, and from them or from those whose object is too large for one PUT to
// it.
func (s *Server) content(c *call) error {
	c.info.dialect = "proxy"
	if c.r.Method == http.MethodPut {
		return s.troubled(s.putContent(c))
	}
	return s.troubled(s.getContent(c))
}

// putContent takes an object. Whoever breaks off has to begin again.
func (s *Server) putContent(c *call) error {
	t, err := s.receiving(c, c.tail, policy.Receive)
	if err != nil {
		return err
	}
	if err := exactly(c.r, t.Size); err != nil {
		return err
	}
	service := s.streams(c)
	w, err := service.Restart(c.r.Context(), t)
	if err != nil {
		return err
	}
	if err := s.receive(c, w, t); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), batch.Timeout)
		defer cancel()
		_ = service.Abort(ctx, t) // or it is swept
		return err
	}
	c.w.Header().Set("ETag", etagOf(t.OID))
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// exactly refuses a body of another length before it is sent.
func exactly(r *http.Request, size int64) error {
	switch {
	case r.ContentLength == size:
		return nil
	case r.ContentLength < 0:
		return &statusError{status: http.StatusLengthRequired, message: "Content-Length is required"}
	case r.ContentLength > size:
		return &statusError{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the body has %d bytes, and this link is for %d", r.ContentLength, size)}
	}
	return badRequest("the body has %d bytes, and this link is for %d", r.ContentLength, size)
}

// etagOf an object: its content has no other name.
func etagOf(oid string) string { return `"` + oid + `"` }

// getContent serves an object, or a range of it.
func (s *Server) getContent(c *call) error {
	c.info.operation, c.info.objects = string(policy.Fetch), 1
	claims, err := s.linked(c, c.tail, policy.Fetch)
	if err != nil {
		return err
	}
	if err := s.serving(c); err != nil {
		return err
	}
	key := c.prefix.Object(claims.OID)
	ctx, cancel := context.WithTimeout(c.r.Context(), batch.Timeout)
	info, err := c.store.bucket.Head(ctx, key)
	cancel()
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return batch.ErrAbsent
	case err != nil:
		return err
	}
	h := c.w.Header()
	h.Set("ETag", etagOf(claims.OID))
	h.Set("Content-Type", "application/octet-stream")
	// Whoever asks again with the same link gets the same bytes.
	h.Set("Cache-Control", "private, immutable, max-age="+strconv.Itoa(int(time.Until(claims.Expires).Seconds())))
	body := &stored{ctx: c.r.Context(), bucket: c.store.bucket, key: key, size: info.Size, header: h}
	defer body.close()
	out := s.outgoing(c)
	http.ServeContent(out, c.r, "", time.Time{}, body)
	return body.err
}

// stored reads an object of the store from wherever http.ServeContent wants it,
// which seeks before it reads.
type stored struct {
	ctx    context.Context
	bucket objectstore.Ranger
	key    string
	size   int64
	// header of the answer: how much of the object it will need.
	header http.Header

	at   int64
	body io.ReadCloser
	err  error
}

// Seek implements io.Seeker.
func (o *stored) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	}
	if offset != o.at {
		o.close()
	}
	o.at = offset
	return offset, nil
}

// Read implements io.Reader.
func (o *stored) Read(p []byte) (int, error) {
	if o.at >= o.size {
		return 0, io.EOF
	}
	if o.body == nil {
		n := o.size - o.at
		if wanted, err := strconv.ParseInt(o.header.Get("Content-Length"), 10, 64); err == nil {
			n = min(n, wanted)
		}
		if o.body, o.err = o.bucket.GetRange(o.ctx, o.key, o.at, n); o.err != nil {
			return 0, o.err
		}
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	if errors.Is(err, io.EOF) {
		o.close() // the end of this range, or of the connection: go on from here
		err = nil
		if n == 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	o.err = err
	return n, err
}

func (o *stored) close() {
	if o.body != nil {
		o.body.Close()
		o.body = nil
	}
}
