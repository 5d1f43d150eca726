package lfsserver

import (
	"cmp"
	"runtime"
	"time"
)

const (
	// smallBody in bytes is what any request may bring along: 1024 connections with
	// one each take 64 MiB.
	smallBody = 64 << 10
	// largeBodies at once are longer, or do not say how long they are: 35 MiB.
	largeBodies = 32
)

// atOnce is how much is worked on at the same time, as weighed by batchWeight. More
// would only share the same cores, and each be slower.
func atOnce() int { return 16 * max(2, runtime.GOMAXPROCS(0)) }

// batchWeight of a batch: what it takes of the server. One of 30 objects or more
// keeps as many lookups busy as it may.
func batchWeight(objects int) int { return min(max(objects/4, 1), 8) }

// enter waits for the turn of whoever asks (package gate). What it returns is
// called before the answer is sent: a client that reads slowly holds nothing up.
func (s *Server) enter(c *call, weight int, patience time.Duration) (leave func(), err error) {
	return s.gate.Enter(c.r.Context(), cmp.Or(c.info.grantor, c.info.principal), weight, patience)
}

// crowded refuses a request that would not be served in time, before it is read.
func (s *Server) crowded(c *call) error {
	return s.gate.Crowded(cmp.Or(c.info.grantor, c.info.principal))
}

// room makes sure that a body can be read into memory. What it returns gives the
// room back.
func (s *Server) room(c *call) (free func(), err error) {
	if n := c.r.ContentLength; n >= 0 && n <= smallBody {
		return func() {}, nil
	}
	select {
	case s.bodies <- struct{}{}:
		return func() { <-s.bodies }, nil
	default:
		return nil, errBusy("too many large requests at once; try again", drainRetry(), nil)
	}
}
