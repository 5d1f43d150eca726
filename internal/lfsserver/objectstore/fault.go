package objectstore

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Fault is an error of the store with what was tried. It unwraps to one of the
// sentinels of this package and, where there is one, to the error beneath.
type Fault struct {
	// Op is the call, such as "head".
	Op string
	// Key it was about; empty for calls about the bucket.
	Key string
	// Cause in plain words: the store's own code and message or the network's
	// error. Never a credential or a signed URL.
	Cause string
	// Status of the answer, 0 where none came.
	Status int

	kind  error
	cause error
}

// Error implements error.
func (f *Fault) Error() string {
	s := f.Op
	if f.Key != "" {
		s += " " + f.Key
	}
	s += ": " + f.kind.Error()
	if f.Cause != "" {
		s += " (" + f.Cause + ")"
	}
	return s
}

// Unwrap gives errors.Is the sentinel and the error beneath.
func (f *Fault) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

// Cause is what the store or the network said, without what was tried.
func Cause(err error) string {
	var f *Fault
	if errors.As(err, &f) && f.Cause != "" {
		return f.Cause
	}
	return err.Error()
}

// fault turns an error of minio-go or net/http into a Fault.
func fault(op, key string, err error) error {
	if err == nil {
		return nil
	}
	var resp minio.ErrorResponse
	if errors.As(err, &resp) && resp.StatusCode != 0 {
		return &Fault{Op: op, Key: key, Cause: describe(resp), Status: resp.StatusCode, kind: kindOf(resp.StatusCode, resp.Code)}
	}
	return &Fault{Op: op, Key: key, Cause: plain(err), kind: ErrUnavailable, cause: contextError(err)}
}

// statusFault is fault for an answer that this package read itself.
func statusFault(op, key string, status int) error {
	return &Fault{Op: op, Key: key, Cause: http.StatusText(status), Status: status, kind: kindOf(status, "")}
}

// kindOf maps an S3 answer to a sentinel (Amazon S3 API reference, "Error
// responses"). Anything that does not say what became of the request is
// ErrUnavailable.
func kindOf(status int, code string) error {
	switch {
	case code == "NoSuchBucket":
		return ErrBucketMissing
	case deniedCodes[code]:
		return ErrDenied
	case checksumCodes[code]:
		return ErrWrongContent
	case status == http.StatusNotFound && (code == "" || strings.HasPrefix(code, "NoSuch") || code == "NotFound"):
		return ErrNotFound
	case status == http.StatusNotModified:
		return ErrNotModified
	case status == http.StatusPreconditionFailed, code == "ConditionalRequestConflict",
		code == "InvalidPart":
		return ErrPreconditionFailed
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return ErrDenied
	}
	return ErrUnavailable
}

// deniedCodes mean bad credentials whatever the status: 400 with some stores,
// and 404 for an unknown key with versitygw v1.8.0, which must not pass for an
// object that is absent.
var deniedCodes = map[string]bool{
	"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "ExpiredToken": true, "InvalidToken": true,
	"XAdminUserNotFound": true,
}

// checksumCodes say that a body did not have the checksum of its header: "BadDigest"
// with AWS, the others with stores that name it more closely.
var checksumCodes = map[string]bool{
	"BadDigest": true, "XAmzContentChecksumMismatch": true, "XAmzContentSHA256Mismatch": true,
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

func describe(resp minio.ErrorResponse) string {
	s := resp.Code
	if resp.Message != "" && resp.Message != resp.Code {
		s += ": " + resp.Message
	}
	return oneLine(s)
}

// PlainCause is an error in one short line, without the URL of the request.
func PlainCause(err error) string { return plain(err) }

// plain is the error without the request's URL.
func plain(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return oneLine(err.Error())
}

// contextError keeps cancellation visible without keeping the URL.
func contextError(err error) error {
	for _, c := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, c) {
			return c
		}
	}
	return nil
}

// oneLine bounds what a store can put into our messages.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 240
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
