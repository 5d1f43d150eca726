package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Finish makes the object appear. After objectstore.ErrWrongContent the upload is
// gone. Other errors leave it as it was before its last bytes, unless somebody has
// gone on with it.
func (w *Writer) Finish(ctx context.Context) (objectstore.Info, error) {
	if w.info != nil {
		w.tidy(ctx)
		return *w.info, nil
	}
	info, err := w.s.present(ctx, w.t)
	if errors.Is(err, objectstore.ErrNotFound) {
		info, err = w.complete(ctx)
	}
	if errors.Is(err, objectstore.ErrNotFound) { // somebody was faster
		if info, err = w.s.present(ctx, w.t); errors.Is(err, objectstore.ErrNotFound) {
			err = busy(err)
		}
	}
	if err == nil {
		w.info = &info
		w.tidy(ctx)
	}
	return info, err
}

func (w *Writer) complete(ctx context.Context) (objectstore.Info, error) {
	content := objectstore.Content{Size: w.e.Size, SHA256: [32]byte(w.h.Sum(nil))}
	for _, p := range append(w.e.Parts[:len(w.e.Parts):len(w.e.Parts)], *w.last) {
		content.Parts = append(content.Parts, objectstore.Part{Number: p.Number, Size: p.Size, ETag: p.ETag})
	}
	w.e.CompletingAt, w.e.Writing = w.s.Now().UTC(), false
	if err := w.save(ctx); err != nil {
		return objectstore.Info{}, err
	}
	info, err := w.s.Receiver.Complete(ctx, w.e.OID, w.e.UploadID, content, w.s.gate(w.t))
	if errors.Is(err, objectstore.ErrPreconditionFailed) {
		err = fmt.Errorf("%w: %w", ErrGone, err)
	}
	return info, w.verdict(ctx, err)
}

// verdict throws an upload away that can come to no good. Clients may take that
// for final only once it is gone.
func (w *Writer) verdict(ctx context.Context, err error) error {
	final := errors.Is(err, objectstore.ErrWrongContent) || errors.Is(err, ErrGone)
	if !final || w.e.etag == "" {
		return err
	}
	if gone := w.s.discard(ctx, w.e); gone != nil {
		return gone
	}
	return err
}

// tidy removes what an object that is there has left. What it cannot remove is
// swept later.
func (w *Writer) tidy(ctx context.Context) {
	if w.e != nil && w.e.etag != "" {
		_ = w.s.discard(ctx, w.e)
	}
}
