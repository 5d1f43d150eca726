package lfstest

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// ErrCrash is what a server meets that has been killed.
var ErrCrash = errors.New("killed")

// Dying is a store whose server is killed at its call number N, before the call
// reaches the store or after it took effect; nothing gets through from then on. N
// is what was left of it in the end.
type Dying struct {
	objectstore.Store
	N     int
	After bool

	mu sync.Mutex // guards N
}

func (d *Dying) call(do func() error) error {
	d.mu.Lock()
	d.N--
	n := d.N
	d.mu.Unlock()
	if n < 0 || (n == 0 && !d.After) {
		return ErrCrash
	}
	err := do()
	if n == 0 {
		return ErrCrash
	}
	return err
}

// Put implements objectstore.Bucket.
func (d *Dying) Put(ctx context.Context, key string, body io.Reader, size int64, cond objectstore.Condition) (i objectstore.Info, err error) {
	err = d.call(func() (err error) { i, err = d.Store.Put(ctx, key, body, size, cond); return })
	return i, err
}

// Get implements objectstore.Bucket.
func (d *Dying) Get(ctx context.Context, key, etag string) (b io.ReadCloser, i objectstore.Info, err error) {
	err = d.call(func() (err error) { b, i, err = d.Store.Get(ctx, key, etag); return })
	return b, i, err
}

// Head implements objectstore.Bucket.
func (d *Dying) Head(ctx context.Context, key string) (i objectstore.Info, err error) {
	err = d.call(func() (err error) { i, err = d.Store.Head(ctx, key); return })
	return i, err
}

// Delete implements objectstore.Bucket.
func (d *Dying) Delete(ctx context.Context, key, version string) error {
	return d.call(func() error { return d.Store.Delete(ctx, key, version) })
}

// Create implements objectstore.Multipart.
func (d *Dying) Create(ctx context.Context, key string) (id string, err error) {
	err = d.call(func() (err error) { id, err = d.Store.Create(ctx, key); return })
	return id, err
}

// ListParts implements objectstore.Multipart.
func (d *Dying) ListParts(ctx context.Context, key, id string) (p []objectstore.Part, err error) {
	err = d.call(func() (err error) { p, err = d.Store.ListParts(ctx, key, id); return })
	return p, err
}

// Complete implements objectstore.Multipart.
func (d *Dying) Complete(ctx context.Context, key, id string, parts []objectstore.Part) error {
	return d.call(func() error { return d.Store.Complete(ctx, key, id, parts) })
}

// Abort implements objectstore.Multipart.
func (d *Dying) Abort(ctx context.Context, key, id string) error {
	return d.call(func() error { return d.Store.Abort(ctx, key, id) })
}

// Copy implements objectstore.Multipart.
func (d *Dying) Copy(ctx context.Context, src, etag, dst string) error {
	return d.call(func() error { return d.Store.Copy(ctx, src, etag, dst) })
}

// CopyPart implements objectstore.Multipart.
func (d *Dying) CopyPart(ctx context.Context, src, etag string, offset, size int64, dst, id string, n int) (p objectstore.Part, err error) {
	err = d.call(func() (err error) { p, err = d.Store.CopyPart(ctx, src, etag, offset, size, dst, id, n); return })
	return p, err
}

// PutPart implements objectstore.Multipart.
func (d *Dying) PutPart(ctx context.Context, key, id string, n int, body io.Reader, size int64) (p objectstore.Part, err error) {
	err = d.call(func() (err error) { p, err = d.Store.PutPart(ctx, key, id, n, body, size); return })
	return p, err
}
