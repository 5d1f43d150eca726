package stream

import (
	"context"
	"encoding"
	"errors"
	"hash"
	"io"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Writer adds the bytes of one request to an upload.
type Writer struct {
	s *Service
	t Target
	e *entry
	h hash.Hash
	// dirty: the register does not stand in the bucket as it is here.
	dirty bool
	// obsolete pieces go once the register no longer names them.
	obsolete []Piece
	// last part, where all bytes are in the store and not yet an object.
	last *Part
	// info of the object, where it is there.
	info *objectstore.Info
}

// Open begins to write at an offset, which must be where the upload ends
// (*OffsetError). A writer that still runs is overtaken.
func (s *Service) Open(ctx context.Context, t Target, offset int64) (*Writer, error) {
	info, err := s.present(ctx, t)
	switch {
	case err == nil && offset != t.Size:
		return nil, &OffsetError{Got: offset, Want: t.Size}
	case err == nil:
		return &Writer{s: s, t: t, info: &info}, nil
	case !errors.Is(err, objectstore.ErrNotFound):
		return nil, err
	}
	e, err := s.find(ctx, t)
	if err != nil {
		return nil, err
	}
	if e == nil {
		e = s.register(t)
	}
	if e.Offset != offset {
		return nil, &OffsetError{Got: offset, Want: e.Offset}
	}
	h, err := e.hash()
	if err != nil {
		return nil, err
	}
	e.Epoch++
	return &Writer{s: s, t: t, e: e, h: h}, nil
}

// Restart is Open at 0 for clients that send everything again.
func (s *Service) Restart(ctx context.Context, t Target) (*Writer, error) {
	if err := s.Abort(ctx, t); err != nil {
		return nil, err
	}
	e := s.register(t)
	h, err := e.hash()
	return &Writer{s: s, t: t, e: e, h: h}, err
}

// register of a new upload; it is written with its first piece.
func (s *Service) register(t Target) *entry {
	return &entry{key: s.Prefix.Stream(t.OID, t.Client), Register: &Register{
		ID: newID(), OID: t.OID, Size: t.Size, Next: 1, CreatedAt: s.Now().UTC().Truncate(time.Second),
	}}
}

// Offset in bytes that the client has to go on from.
func (w *Writer) Offset() int64 {
	if w.info != nil {
		return w.t.Size
	}
	return w.e.Offset
}

// Ready is true when Finish may be called: all bytes are there.
func (w *Writer) Ready() bool { return w.last != nil || w.info != nil }

// Receive reads the body to its end, or to the object's. length is that of the
// body in bytes, negative where the client does not say. What has arrived when it
// returns an error is kept as far as Offset says; ErrCutOff, ErrTooLong,
// ErrOvertaken, ErrGone, ErrStopping and objectstore.ErrWrongContent are the
// client's to deal with.
func (w *Writer) Receive(ctx context.Context, body io.Reader, length int64) error {
	if w.info != nil {
		return endOf(body)
	}
	left := w.e.Size - w.e.Offset
	if length > left {
		return ErrTooLong
	}
	known := length >= 0
	if known {
		left = length
	}
	src := &source{r: body, hash: w.h}
	err := w.pieces(ctx, src, left)
	if !known && errors.Is(err, ErrCutOff) && errors.Is(err, io.EOF) {
		err = nil // that was all; what made no whole piece is sent again
	}
	if err == nil && w.Ready() {
		err = endOf(body)
	}
	if err := w.close(ctx, err); err != nil {
		return err
	}
	return w.verdict(ctx, err)
}

// endOf makes sure that nothing follows.
func endOf(body io.Reader) error {
	n, err := io.ReadFull(body, make([]byte, 1))
	if n > 0 {
		return ErrTooLong
	}
	if !errors.Is(err, io.EOF) {
		return ErrCutOff
	}
	return nil
}

// pieces sends piece after piece.
func (w *Writer) pieces(ctx context.Context, src *source, left int64) error {
	for left > 0 || (w.e.Size == 0 && w.info == nil) {
		select {
		case <-w.s.Stopping:
			return ErrStopping
		default:
		}
		p := w.e.plan(left)
		if err := w.send(ctx, src, p); err != nil {
			return err
		}
		left -= p.fresh
	}
	return nil
}

// send sends one piece and, unless it is the object's last, enters it.
func (w *Writer) send(ctx context.Context, src *source, p piece) error {
	var err error
	switch p.form {
	case staged:
		err = w.stage(ctx, src, p)
	case part:
		err = w.putPart(ctx, src, p)
	case whole:
		err = w.putWhole(ctx, src, p)
	}
	if errors.Is(err, ErrCutOff) {
		w.e.cutOff(p.fresh)
		w.dirty = true
	}
	if err != nil || p.last {
		return err
	}
	state, err := w.h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return err
	}
	w.e.Hash = state
	w.e.Offset += p.fresh
	w.e.succeeded()
	w.dirty = true
	return nil
}

// close registers what has arrived, even when the request has ended by then.
func (w *Writer) close(ctx context.Context, cause error) error {
	switch {
	case w.info != nil, w.last != nil && cause == nil, errors.Is(cause, ErrOvertaken):
		return nil
	case !w.dirty && !w.e.Writing:
		return nil
	}
	w.e.Writing = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := w.save(ctx); cause == nil {
		return err // what is not registered did not arrive
	}
	return nil
}

func (w *Writer) save(ctx context.Context) error {
	if err := w.e.save(ctx, w.s.Store); err != nil {
		return err
	}
	w.dirty = false
	for _, p := range w.obsolete {
		_ = w.s.Store.Delete(ctx, w.s.Prefix.Staging(p.ID), "") // or it is swept
	}
	w.obsolete = nil
	return nil
}
