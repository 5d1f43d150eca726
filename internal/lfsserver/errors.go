package lfsserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/gate"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/locks"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// contentType of the API (git-lfs, docs/api/README.md).
const contentType = "application/vnd.git-lfs+json"

// statusError is an answer other than success. Handlers return errors; only
// this file knows what they mean to a client.
type statusError struct {
	status  int
	message string
	header  http.Header
	cause   error
}

// Error implements error.
func (e *statusError) Error() string {
	if e.cause == nil {
		return e.message
	}
	return e.message + ": " + e.cause.Error()
}

// Unwrap implements errors.Unwrap.
func (e *statusError) Unwrap() error { return e.cause }

// The answers that need nothing but a text.
var (
	errNoRoute = &statusError{status: http.StatusNotFound, message: "not found"}
	// errNoLocks: git-lfs takes 501 for "no locking here" and does not ask again.
	errNoLocks = &statusError{status: http.StatusNotImplemented, message: "files cannot be locked here: " +
		"the object store ignores If-None-Match or If-Match on PUT, so two people could hold the same lock"}
	errLockLimit = &statusError{status: http.StatusUnprocessableEntity, message: "limit must be a whole number and not negative"}
	// errOtherObject: a link was used for what it was not made for.
	errOtherObject = &statusError{status: http.StatusForbidden, message: "this link is for another object"}
	// errReadOnly: an administrator has stopped uploads to the whole store.
	errReadOnly = &statusError{status: http.StatusForbidden, message: "the object store is read-only at the moment; " +
		"downloads work, and uploads will when its administrator allows them again"}
	// errGCSuspended: whoever may has stopped garbage collection.
	errGCSuspended = &statusError{status: http.StatusConflict, message: "garbage collection is suspended in this object store; " +
		"its administrator can allow it again (LFSStore: spec.gc.suspend, spec.readOnly)"}
	errDenied = &statusError{status: http.StatusForbidden, message: "these credentials do not allow this operation; it takes scope Read to download, scope Write to push, scope Admin to ask for garbage collection"}
)

// errCredentials asks for credentials in git-lfs's own header: WWW-Authenticate
// would make browsers open a dialog.
func errCredentials(cause error) *statusError {
	return &statusError{
		status:  http.StatusUnauthorized,
		message: "credentials needed: any user name, and an access token of the repository, or another token that its spec.access lets in, as password",
		header:  http.Header{"Lfs-Authenticate": {`Basic realm="Git LFS"`}},
		cause:   cause,
	}
}

// errVerbs says what a ServiceAccount lacks.
func errVerbs(name string, repo serverconfig.Repository) *statusError {
	return &statusError{status: http.StatusForbidden, message: fmt.Sprintf(
		"ServiceAccount %s may not do this: in namespace %s it needs the verb pull, push or admin on lfsrepositories.lfs-operator.dev %s, by a Role and a RoleBinding",
		name, repo.Namespace, repo.Name)}
}

// errBusy is 429: git-lfs waits as long as it is told, and asks again.
func errBusy(message string, after time.Duration, cause error) *statusError {
	return &statusError{
		status: http.StatusTooManyRequests, message: message, cause: cause,
		header: http.Header{"Retry-After": {strconv.Itoa(int(max(1, after/time.Second)))}},
	}
}

// toStatus finds the answer to any error.
func toStatus(err error) *statusError {
	var known *statusError
	var malformed *batch.MalformedError
	var operation *batch.OperationError
	var busy *batch.BusyError
	var away *auth.UnavailableError
	var missing *upload.MissingError
	var parts *upload.PartsError
	var overloaded *gate.OverloadedError
	var offset *stream.OffsetError
	var foreign *locks.ForeignError
	var path *locks.PathError
	var ref *locks.RefError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &overloaded):
		return errBusy(overloaded.Error(), overloaded.RetryAfter+time.Second-1, nil)
	case errors.As(err, &busy):
		return errBusy(busy.Message, busy.RetryAfter, busy.Cause)
	case errors.As(err, &away):
		return errBusy("it cannot be found out right now whether these credentials are good: "+away.Who+" cannot be reached; try again", 5*time.Second, err)
	case errors.As(err, &missing):
		return &statusError{status: http.StatusConflict, message: missing.Error()}
	case errors.As(err, &parts):
		return &statusError{status: http.StatusBadRequest, message: parts.Error()}
	case errors.As(err, &offset), errors.Is(err, stream.ErrOvertaken), errors.Is(err, stream.ErrGone):
		return &statusError{status: http.StatusConflict, message: err.Error()}
	case errors.Is(err, stream.ErrTooLong):
		return &statusError{status: http.StatusRequestEntityTooLarge, message: err.Error()}
	case errors.Is(err, stream.ErrStopping):
		return errBusy(err.Error(), drainRetry(), nil)
	case errors.Is(err, stream.ErrCutOff):
		return &statusError{status: http.StatusBadRequest, message: stream.ErrCutOff.Error(), cause: err}
	case errors.Is(err, objectstore.ErrWrongContent):
		return &statusError{status: http.StatusUnprocessableEntity, message: err.Error() + "; it has been thrown away, upload it again"}
	case errors.As(err, &foreign):
		return &statusError{status: http.StatusForbidden, message: foreign.Error()}
	case errors.As(err, &path), errors.As(err, &ref), errors.Is(err, locks.ErrCursor):
		return &statusError{status: http.StatusUnprocessableEntity, message: err.Error()}
	case errors.Is(err, upload.ErrNone), errors.Is(err, locks.ErrNone):
		return &statusError{status: http.StatusNotFound, message: err.Error()}
	case errors.As(err, &malformed):
		return &statusError{status: http.StatusBadRequest, message: malformed.Error()}
	case errors.As(err, &operation), errors.Is(err, batch.ErrOID), errors.Is(err, batch.ErrSize):
		return &statusError{status: http.StatusUnprocessableEntity, message: err.Error()}
	case errors.Is(err, batch.ErrHashAlgorithm):
		return &statusError{status: http.StatusConflict, message: err.Error()}
	case errors.Is(err, batch.ErrTooLarge), errors.Is(err, batch.ErrTooManyObjects):
		return &statusError{status: http.StatusRequestEntityTooLarge, message: err.Error()}
	case errors.Is(err, batch.ErrAbsent):
		return &statusError{status: http.StatusNotFound, message: err.Error()}
	case errors.Is(err, auth.ErrBadCredentials):
		return errCredentials(err)
	case errors.Is(err, objectstore.ErrUnavailable), errors.Is(err, objectstore.ErrDenied),
		errors.Is(err, objectstore.ErrBucketMissing):
		return errBusy("the object store does not answer; try again", 3*time.Second, err)
	case errors.Is(err, token.ErrNoKey), errors.Is(err, objectstore.ErrUnprovable):
		return errBusy("the server is not ready for uploads yet; try again", 3*time.Second, err)
	}
	return &statusError{status: http.StatusInternalServerError, message: "internal error", cause: err}
}

// errorBody is the error form of the API (git-lfs, docs/api/batch.md).
type errorBody struct {
	Message          string `json:"message"`
	DocumentationURL string `json:"documentation_url,omitempty"`
	RequestID        string `json:"request_id,omitempty"`
}

// writeError sends the answer.
func writeError(w http.ResponseWriter, e *statusError, requestID string) {
	for name, values := range e.header {
		w.Header()[name] = values
	}
	_ = writeJSON(w, e.status, errorBody{Message: e.message, RequestID: requestID})
}

// writeJSON sends a value. The type says for which clients it is.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return writeBody(w, status, body)
}

// writeBody sends JSON.
func writeBody(w http.ResponseWriter, status int, body []byte) error {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}
