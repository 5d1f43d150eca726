package batch

import (
	"errors"
	"fmt"
	"time"
)

// Errors of a whole batch.
var (
	// ErrTooLarge: the body is longer than MaxBody.
	ErrTooLarge = errors.New("the request body is too large")
	// ErrTooManyObjects: more than MaxObjects.
	ErrTooManyObjects = fmt.Errorf("a batch may name at most %d objects; send several", MaxObjects)
	// ErrHashAlgorithm: a hash_algo other than SHA-256.
	ErrHashAlgorithm = errors.New("objects are named by SHA-256; the batch asks for another hash_algo")
)

// MalformedError: the body is not a batch request. Its text is fit for clients.
type MalformedError struct{ Reason string }

// Error implements error.
func (e *MalformedError) Error() string {
	return "the request body is not a batch request: " + e.Reason
}

// OperationError: an operation other than upload and download.
type OperationError struct{ Operation string }

// Error implements error.
func (e *OperationError) Error() string {
	return fmt.Sprintf("operation %q: want \"upload\" or \"download\"", e.Operation)
}

// BusyError: not now. Message is fit for clients, Cause for the log.
type BusyError struct {
	Message    string
	RetryAfter time.Duration
	Cause      error
}

// Error implements error.
func (e *BusyError) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Unwrap implements errors.Unwrap.
func (e *BusyError) Unwrap() error { return e.Cause }

// Errors of Verify.
var (
	// ErrAbsent: the object is not in the store.
	ErrAbsent = errors.New("the object has not arrived in the store; push again")
	// ErrSize: the object has another size than the request says.
	ErrSize = errors.New("the stored object has another size than the request says")
	// ErrOID: not an OID, or a negative size.
	ErrOID = errors.New("oid must be 64 lower-case hexadecimal digits and size not negative")
)
