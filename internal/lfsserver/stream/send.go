package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// most pieces that are staged before they are put together.
const most = 32

// stage keeps what is too little for a part. Small ones become one now and then,
// so that many tiny requests do not make a long list.
func (w *Writer) stage(ctx context.Context, src *source, p piece) error {
	if w.dirty { // what came before must not get lost with this
		if err := w.save(ctx); err != nil {
			return err
		}
	}
	old := w.e.Staged
	if len(old) < most {
		old = nil
	}
	next := Piece{ID: newID(), Size: sizeOf(old) + p.fresh}
	err := w.after(ctx, old, src, p.fresh, func(ctx context.Context, body io.Reader) error {
		_, err := w.s.Store.Put(ctx, w.s.Prefix.Staging(next.ID), body, next.Size, objectstore.Condition{})
		return err
	})
	if err != nil {
		return err
	}
	w.e.Staged = append(w.e.Staged[len(old):len(w.e.Staged):len(w.e.Staged)], next)
	w.obsolete = append(w.obsolete, old...)
	return nil
}

// putPart sends one part under a number that is taken out of the register first.
func (w *Writer) putPart(ctx context.Context, src *source, p piece) error {
	if w.e.Next > objectstore.MaxParts {
		return ErrGone
	}
	begun := w.e.UploadID == ""
	if begun {
		id, err := w.s.Receiver.Begin(ctx, w.e.OID)
		if err != nil {
			return err
		}
		w.e.UploadID = id
	}
	number := w.e.Next
	w.e.Next++
	w.e.Writing = true
	if err := w.save(ctx); err != nil {
		if begun && errors.Is(err, ErrOvertaken) {
			_ = w.s.Receiver.Abort(context.WithoutCancel(ctx), w.e.OID, w.e.UploadID)
		}
		return err
	}
	var sent objectstore.Part
	staged := w.e.Staged
	err := w.after(ctx, staged, src, p.fresh, func(ctx context.Context, body io.Reader) (err error) {
		sent, err = w.s.Receiver.PutPart(ctx, w.e.OID, w.e.UploadID, number, body, sizeOf(staged)+p.fresh)
		return err
	})
	if errors.Is(err, objectstore.ErrNotFound) {
		return busy(err) // completed or thrown away: who asks for the offset learns it
	}
	if err != nil {
		return err
	}
	done := Part{Number: sent.Number, Size: sent.Size, ETag: sent.ETag}
	if p.last {
		w.last = &done
		return nil
	}
	w.e.Parts = append(w.e.Parts, done)
	w.e.Staged = nil
	w.obsolete = append(w.obsolete, staged...)
	return nil
}

// putWhole sends an object that is no more than one part.
func (w *Writer) putWhole(ctx context.Context, src *source, p piece) error {
	return w.after(ctx, w.e.Staged, src, p.fresh, func(ctx context.Context, body io.Reader) error {
		info, err := w.s.Receiver.Put(ctx, w.e.OID, body, w.e.Size, w.s.gate(w.t))
		if err == nil {
			info.Size = w.e.Size
			w.info = &info
		}
		return err
	})
}

// after sends staged pieces and, behind them, n bytes of the source.
func (w *Writer) after(ctx context.Context, staged []Piece, src *source, n int64, send func(context.Context, io.Reader) error) error {
	old := &reader{s: w.s, pieces: staged}
	cut, err := src.watched(ctx, n, func(ctx context.Context, fresh io.Reader) error {
		if len(staged) == 0 {
			return send(ctx, fresh)
		}
		old.ctx = ctx
		defer old.close()
		return send(ctx, io.MultiReader(old, fresh))
	})
	switch {
	case err == nil:
		return nil
	case old.lost.Load():
		return fmt.Errorf("%w: a staged piece is not there", ErrGone)
	case cut != nil:
		return &cutError{cause: cut}
	}
	return err
}

// cutError is ErrCutOff with how the body ended.
type cutError struct{ cause error }

func (e *cutError) Error() string   { return ErrCutOff.Error() + ": " + e.cause.Error() }
func (e *cutError) Unwrap() []error { return []error{ErrCutOff, e.cause} }

func sizeOf(pieces []Piece) (n int64) {
	for _, p := range pieces {
		n += p.Size
	}
	return n
}

// reader reads staged pieces, one after the other.
type reader struct {
	ctx    context.Context
	s      *Service
	pieces []Piece
	// lost: a piece is not there.
	lost atomic.Bool

	mu   sync.Mutex    // an HTTP client may go on reading after the call has failed
	body io.ReadCloser // guarded by mu
	left int64         // guarded by mu
	done bool          // guarded by mu
}

// Read implements io.Reader.
func (r *reader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.left == 0 {
		if len(r.pieces) == 0 || r.done {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n, err := r.body.Read(b[:min(int64(len(b)), r.left)])
	if r.left -= int64(n); r.left == 0 || err == nil {
		return n, nil
	}
	return n, fmt.Errorf("%w: a staged piece ended early", objectstore.ErrUnavailable)
}

// next opens the next piece; mu is held.
func (r *reader) next() error {
	if r.body != nil {
		r.body.Close()
	}
	p := r.pieces[0]
	r.pieces = r.pieces[1:]
	body, info, err := r.s.Store.Get(r.ctx, r.s.Prefix.Staging(p.ID), "")
	if err != nil {
		r.lost.Store(errors.Is(err, objectstore.ErrNotFound))
		return err
	}
	r.body, r.left = body, p.Size
	if info.Size != p.Size {
		r.lost.Store(true)
		return fmt.Errorf("a staged piece has %d bytes instead of %d", info.Size, p.Size)
	}
	return nil
}

func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done = true; r.body != nil {
		r.body.Close()
	}
}
