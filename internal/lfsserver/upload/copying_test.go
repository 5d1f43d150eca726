package upload_test

import (
	"context"
	"errors"
	"testing"

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
	copies int
}

func (m *meanwhile) Create(ctx context.Context, key string) (string, error) {
	id, err := m.Store.Create(ctx, key)
	if key == m.key {
		m.do()
	}
	return id, err
}

func (m *meanwhile) CopyPart(ctx context.Context, src, etag string, offset, size int64, dst, id string, n int) (objectstore.Part, error) {
	m.copies++
	return m.Store.CopyPart(ctx, src, etag, offset, size, dst, id, n)
}

// TestCopyNotRegistered: the client begins anew while its old upload is about to be
// copied in parts. The copy cannot be registered any more, so there is none.
func TestCopyNotRegistered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := random(1000)
	o := order(content)
	u, err := server(w.s3, 600).Begin(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	w.putAll(u, content)
	m := &meanwhile{Store: w.s3, key: prefix.Object(o.OID), do: func() {
		fresh := o
		fresh.Fresh = true
		if next, err := server(w.s3, 600).Begin(t.Context(), fresh); err != nil || next.Ref == u.Ref {
			t.Errorf("begun anew: %+v, %v", next, err)
		}
	}}
	_, err = server(m, 600).Finish(t.Context(), upload.Target{OID: o.OID, Size: o.Size, Ref: u.Ref})
	var busy *batch.BusyError
	if !errors.As(err, &busy) {
		t.Errorf("finished with %v", err)
	}
	if m.copies > 0 || w.served(o.OID) != "" {
		t.Errorf("%d parts were copied", m.copies)
	}
}
