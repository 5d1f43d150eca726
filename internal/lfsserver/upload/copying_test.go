package upload_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
)

// meanwhile is a store at which something else happens once an upload to a key has
// begun.
type meanwhile struct {
	objectstore.Store
	key    string
	do     func()
	copies atomic.Int64
	// status is what it answers instead of copying parts; 0 where it copies them.
	status int
}

func (m *meanwhile) Create(ctx context.Context, key string) (string, error) {
	id, err := m.Store.Create(ctx, key)
	if key == m.key {
		m.do()
	}
	return id, err
}

func (m *meanwhile) CopyPart(ctx context.Context, src, etag string, offset, size int64, dst, id string, n int) (objectstore.Part, error) {
	m.copies.Add(1)
	if m.status != 0 {
		return objectstore.Part{}, &objectstore.Fault{Op: "copy part", Status: m.status}
	}
	return m.Store.CopyPart(ctx, src, etag, offset, size, dst, id, n)
}

// begun is an upload whose parts are all there, of an object that is copied in parts
// where no more than 600 bytes are copied at once.
func (w *world) begun() (content string, o upload.Order, u *upload.Upload) {
	w.t.Helper()
	content = random(1000)
	o = order(content)
	u, err := server(w.s3, 600).Begin(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.putAll(u, content)
	return content, o, u
}

// TestCopyNotRegistered: the client begins anew while its old upload is about to be
// copied in parts. The copy cannot be registered any more, so there is none.
func TestCopyNotRegistered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, o, u := w.begun()
	m := &meanwhile{Store: w.s3, key: prefix.Object(o.OID), do: func() {
		fresh := o
		fresh.Fresh = true
		if next, err := server(w.s3, 600).Begin(t.Context(), fresh); err != nil || next.Ref == u.Ref {
			t.Errorf("begun anew: %+v, %v", next, err)
		}
	}}
	_, err := server(m, 600).Finish(t.Context(), upload.Target{OID: o.OID, Size: o.Size, Ref: u.Ref})
	var busy *batch.BusyError
	if !errors.As(err, &busy) {
		t.Errorf("finished with %v", err)
	}
	if n := m.copies.Load(); n > 0 || w.served(o.OID) != "" {
		t.Errorf("%d parts were copied", n)
	}
}

// TestCopiesNoParts: a store that does not copy parts copies the whole object.
func TestCopiesNoParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for status, well := range map[int]bool{http.StatusNotImplemented: true, http.StatusServiceUnavailable: false} {
		content, o, u := w.begun()
		m := &meanwhile{Store: w.s3, status: status}
		_, err := server(m, 600).Finish(t.Context(), upload.Target{OID: o.OID, Size: o.Size, Ref: u.Ref})
		if (err == nil) != well || (w.served(o.OID) == content) != well || m.copies.Load() == 0 {
			t.Errorf("%d: finished with %v after %d copies", status, err != nil, m.copies.Load())
		}
	}
	w.sweep(-time.Minute)
	if left := w.left(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// changing is garbage collection's view, which changes while an upload is finished.
type changing struct {
	index
	deleting *atomic.Bool
}

func (c changing) Begin(context.Context) (batch.View, error) {
	if c.deleting.Load() {
		c.state = batch.Deleting
	}
	return c.index, nil
}

// TestDeletedWhileCopied: that somebody else's copy of the object is there says nothing
// once garbage collection has begun to delete it.
func TestDeletedWhileCopied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content, o, u := w.begun()
	view := changing{deleting: new(atomic.Bool)}
	s := server(&meanwhile{Store: w.s3, key: prefix.Object(o.OID), do: func() {
		if _, err := w.s3.Put(t.Context(), prefix.Object(o.OID), strings.NewReader(content), o.Size, objectstore.Condition{}); err != nil {
			t.Error(err)
		}
		view.deleting.Store(true)
	}}, 600)
	s.Guard = view
	_, err := s.Finish(t.Context(), upload.Target{OID: o.OID, Size: o.Size, Ref: u.Ref})
	var busy *batch.BusyError
	if !errors.As(err, &busy) {
		t.Errorf("finished with %v, want to be told to come again", err)
	}
}
