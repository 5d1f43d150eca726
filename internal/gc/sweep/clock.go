package sweep

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// clocked remembers the store's last Date: the protocol compares times of that
// one clock only.
type clocked struct {
	objectstore.Bucket
	mu   sync.Mutex
	date time.Time // guarded by mu
}

func (c *clocked) note(i objectstore.Info) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i.Date.After(c.date) {
		c.date = i.Date
	}
}

// Date is the latest that the store has said.
func (c *clocked) Date() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.date
}

// Put implements objectstore.Bucket.
func (c *clocked) Put(ctx context.Context, key string, body io.Reader, size int64, cond objectstore.Condition) (objectstore.Info, error) {
	i, err := c.Bucket.Put(ctx, key, body, size, cond)
	c.note(i)
	return i, err
}

// Get implements objectstore.Bucket.
func (c *clocked) Get(ctx context.Context, key, knownETag string) (io.ReadCloser, objectstore.Info, error) {
	body, i, err := c.Bucket.Get(ctx, key, knownETag)
	c.note(i)
	return body, i, err
}

// Head implements objectstore.Bucket.
func (c *clocked) Head(ctx context.Context, key string) (objectstore.Info, error) {
	i, err := c.Bucket.Head(ctx, key)
	c.note(i)
	return i, err
}

// now asks the store for its time.
func (r *run) now(ctx context.Context) (time.Time, error) {
	return objectstore.Clock(ctx, r.bucket, r.prefix)
}
