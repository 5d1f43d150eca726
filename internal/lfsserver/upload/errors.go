package upload

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNone: no such upload. It was finished, aborted, thrown away or replaced.
var ErrNone = errors.New("this upload does not exist (any more); push again")

// MissingError: not all parts are there, or not with their sizes.
type MissingError struct {
	// Parts by number, ascending.
	Parts []int
}

// Error implements error. It is fit for clients.
func (e *MissingError) Error() string {
	const most = 10
	var b strings.Builder
	fmt.Fprintf(&b, "%d parts of this upload are missing or have the wrong size:", len(e.Parts))
	for i, n := range e.Parts {
		if i == most {
			b.WriteString(" …")
			break
		}
		fmt.Fprintf(&b, " %d", n)
	}
	b.WriteString("; ask the batch API again and upload them")
	return b.String()
}

// PartsError: the list of parts that a client sent is not that of the upload.
type PartsError struct{ Reason string }

// Error implements error. It is fit for clients.
func (e *PartsError) Error() string { return "bad list of parts: " + e.Reason }
