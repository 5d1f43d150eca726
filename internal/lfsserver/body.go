package lfsserver

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
)

// readJSON reads a body of at most limit bytes.
func (c *call) readJSON(limit int64, into any) error {
	if c.r.ContentLength > limit {
		return batch.ErrTooLarge // before a client that waits to be asked sends it
	}
	err := batch.DecodeJSON(http.MaxBytesReader(c.w, c.r.Body, limit), limit, into)
	var malformed *batch.MalformedError
	if errors.As(err, &malformed) {
		return badRequest("the request body cannot be used: %s", malformed.Reason)
	}
	return err
}

// badRequest is 400 with a text that says what to send instead.
func badRequest(format string, args ...any) *statusError {
	return &statusError{status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}
