package lfsserver

import (
	"bufio"
	"cmp"
	"context"
	"net"
	"net/http"
	"runtime"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/gate"
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

// inTurn does work for a client that is not known to ask again, when its turn has
// come (package gate), and within the time that a batch has. The turn is over before
// the answer is sent: a client that reads slowly holds nothing up.
func (s *Server) inTurn(c *call, work func(context.Context) error) error {
	leave, err := s.gate.Enter(c.r.Context(), gate.Visit{Who: c.who(), Weight: 1, Patience: s.options.LockPatience})
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(c.r.Context(), batch.Timeout)
	defer cancel()
	return work(ctx)
}

// enterBatch waits for the turn of a batch, which is asked for again. key is what it
// is known by then. What it returns is called when the work is done.
func (s *Server) enterBatch(c *call, key string, objects int) (leave func(), err error) {
	return s.gate.Enter(c.r.Context(), gate.Visit{Who: c.who(), Key: key, Weight: batchWeight(objects)})
}

// batchKey is what a batch is known by when it is asked for again: the client's
// address and the first object. A client that lies about its address gains nothing.
func batchKey(r *http.Request, body *bufio.Reader) string {
	client, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	if client == "" {
		client, _, _ = net.SplitHostPort(r.RemoteAddr)
	}
	if key := batch.Key(body); key != "" {
		return key + client
	}
	return ""
}

// who takes turns: everybody by principal, and a link with whoever got it. Other
// repositories of the same process have principals of the same names.
func (c *call) who() string {
	return c.config.Repository.UID + " " + cmp.Or(c.info.grantor, c.info.principal)
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
