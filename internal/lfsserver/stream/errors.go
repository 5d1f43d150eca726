package stream

import (
	"errors"
	"fmt"
)

// Errors that are the client's to deal with.
var (
	// ErrOvertaken: another request for the same upload has gone on with it. Ask
	// for the offset and go on from there.
	ErrOvertaken = errors.New("another request has gone on with this upload; ask for its offset and continue there")
	// ErrGone: the upload lost its parts in the store. It has to be begun again.
	ErrGone = errors.New("the upload has been thrown away; begin again at offset 0")
	// ErrCutOff: the body ended before its length.
	ErrCutOff = errors.New("the body ended early")
	// ErrTooLong: the body has more bytes than the object.
	ErrTooLong = errors.New("the body is longer than the rest of the object")
	// ErrStopping: the server is about to end. What came so far is kept.
	ErrStopping = errors.New("the server is restarting; ask for the offset and continue there")
)

// OffsetError: a request does not begin where the upload ends.
type OffsetError struct {
	// Got is what the request says, Want where it has to begin.
	Got, Want int64
}

// Error implements error. It is fit for clients.
func (e *OffsetError) Error() string {
	return fmt.Sprintf("the upload is at offset %d, not %d; ask for its offset and continue there", e.Want, e.Got)
}
