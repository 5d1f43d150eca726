package locks

import (
	"errors"
	"fmt"
	"time"
)

// Errors fit for clients.
var (
	// ErrNone: no lock has this ID (any more).
	ErrNone = errors.New("there is no such lock; it may have been released already")
	// ErrCursor: a cursor that no answer has contained.
	ErrCursor = errors.New("cursor: not one of this server's; list from the beginning")
)

// HeldError: the path is locked, by whomever.
type HeldError struct{ Lock Lock }

// Error implements error.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is locked by %s since %s", e.Lock.Path, e.Lock.Owner, e.Lock.LockedAt.Format(time.RFC3339))
}

// ForeignError: the lock is another's, and it was not to be broken.
type ForeignError struct{ Lock Lock }

// Error implements error.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is locked by %s; ask them, or unlock with --force", e.Lock.Path, e.Lock.Owner)
}
