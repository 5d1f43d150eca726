package lfsserver

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
)

// putPart takes one part of a multipart upload from a client that cannot reach the
// store, and sends it on: parts/{token}/{number}. Like a part that goes straight
// to the store it is proven with the whole object.
func (s *Server) putPart(c *call) error {
	c.info.dialect = "proxy"
	secret, number, _ := strings.Cut(c.tail, "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		return errNoRoute
	}
	t, err := s.receiving(c, secret, policy.Part)
	if err != nil {
		return err
	}
	digests, err := parseDigests(c.r.Header.Values("Digest"))
	if err != nil {
		return err
	}
	etag, err := s.relayPart(c, t, n, digests)
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(writeTimeout))
	if err != nil {
		return s.troubled(err)
	}
	c.w.Header().Set("ETag", `"`+etag+`"`)
	c.w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Server) relayPart(c *call, t stream.Target, number int, digests []claimed) (etag string, err error) {
	ref, ok := upload.ParseRef(t.Client)
	if !ok {
		return "", errOtherLink
	}
	service := s.uploads(c)
	u, err := service.Find(c.r.Context(), t.OID, ref)
	if err != nil {
		return "", err
	}
	if number < 1 || number > u.Count() {
		return "", errNoRoute
	}
	_, size := u.Span(number)
	if err := exactly(c.r, size); err != nil {
		return "", err
	}
	// A store that takes nothing for longer than a client may be silent is dead.
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	timer := time.AfterFunc(2*idle, cancel)
	defer timer.Stop()
	in := s.incoming(c)
	in.read = func() { timer.Reset(2 * idle) }
	body := &withheld{r: in, left: size, digests: digests}
	part, err := service.PutPart(ctx, u, number, struct{ io.Reader }{body}, size)
	switch {
	case err == nil:
		return part.ETag, nil
	case body.wrong.Load():
		return "", &statusError{status: http.StatusUnprocessableEntity, message: errDigest.Error() + "; send it again"}
	case in.broken() != nil:
		return "", in.broken()
	}
	return "", err
}
