package stream

import (
	"context"
	"errors"
	"hash"
	"io"
	"sync"
	"time"
)

// stall is how long a store may take nothing of a part before it counts as dead.
// It is longer than what a client may be silent for.
const stall = 2 * time.Minute

// source is the body of a request: it hashes what is read and remembers how that
// ended, since an error of a PUT does not tell whose connection broke.
type source struct {
	r io.Reader

	// An HTTP client may go on reading a body after the call has failed.
	mu   sync.Mutex
	hash hash.Hash // guarded by mu
	err  error     // guarded by mu
	// missing bytes of the piece that is being sent.
	missing int64 // guarded by mu
	closed  bool  // guarded by mu
	// timer runs out when nothing is read for long.
	timer *time.Timer // guarded by mu
}

var errClosed = errors.New("the piece has failed")

// Read implements io.Reader.
func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errClosed
	}
	s.hash.Write(b[:n])
	s.missing -= int64(n)
	s.timer.Reset(stall)
	if err != nil {
		s.err = err
	}
	return n, err
}

// watched calls send with a reader of the next n bytes and a context that ends when
// nothing is read for long: a store that takes nothing, or does not answer. cut is
// the reason when the body itself ended in them. After an error nothing more is
// read.
func (s *source) watched(ctx context.Context, n int64, send func(context.Context, io.Reader) error) (cut, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.missing, s.timer = n, time.AfterFunc(stall, cancel)
	s.mu.Unlock()
	err = send(ctx, io.LimitReader(s, n))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	if s.closed = err != nil; s.closed && s.missing > 0 {
		cut = s.err
	}
	return cut, err
}
