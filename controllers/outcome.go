package controllers

import (
	"errors"
	"time"
)

// What a step returns decides how the pass ends. nil goes on with the next step;
// any other error is transient: tried again with growing pauses.

// stalledError ends the pass: a person must change something first.
type stalledError struct {
	reason  string
	message string
}

func (e *stalledError) Error() string { return e.reason + ": " + e.message }

// waitingError ends the pass: there is nothing to do before after has passed.
type waitingError struct {
	reason  string
	message string
	after   time.Duration
}

func (e *waitingError) Error() string { return e.reason + ": " + e.message }

// errPersistFirst ends the pass, so that what status says so far is in the
// cluster before anything is done that relies on it. The next pass follows at once.
var errPersistFirst = errors.New("status must be written first")

// problem is something wrong that does not keep the other steps from running.
type problem struct {
	reason  string
	message string
	// passes is true for one that goes away without a person.
	passes bool
}

// recheck is the time after which a problem is looked at again that no watch
// will report the end of. Tests are less patient.
var recheck = 15 * time.Second
