// Package usage counts what a repository holds, by listing its final keys: the
// store knows, and nothing that is remembered beside it could drift.
package usage

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/pause"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Bounds of how often is counted.
const (
	// least between the end of one count and the begin of the next.
	least = 15 * time.Second
	// restFactor times a count's duration passes before the next, so that
	// listing takes at most 5 % of the time.
	restFactor = 19
	// most without a reason to count: other replicas take uploads too.
	most = 10 * time.Minute
)

// Source is what to count; ok is false while there is nothing to ask.
type Source func() (bucket objectstore.Bucket, prefix layout.Prefix, ok bool)

// Follower takes part in a count: it sees every object, and the sum of a complete
// one.
type Follower interface {
	Saw(oid string)
	Publish(ctx context.Context, bytes int64) error
}

// Follow begins a Follower before each count.
type Follow func(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (Follower, error)

// Counter counts in the background.
type Counter struct {
	source Source
	follow Follow
	now    func() time.Time
	log    *slog.Logger
	least  time.Duration

	last  atomic.Pointer[serverstatus.Usage]
	dirty chan struct{}
}

// New makes a counter. leastGap replaces the built-in gap between
// counts; zero keeps it.
func New(source Source, follow Follow, now func() time.Time, log *slog.Logger, leastGap time.Duration) *Counter {
	if leastGap == 0 {
		leastGap = least
	}
	return &Counter{source: source, follow: follow, now: now, log: log, least: leastGap, dirty: make(chan struct{}, 1)}
}

// Last is the last count, nil before the first.
func (c *Counter) Last() *serverstatus.Usage { return c.last.Load() }

// Changed says that there may be more or less to count.
func (c *Counter) Changed() {
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

// Run counts until ctx ends: whenever something changed, but never too often.
func (c *Counter) Run(ctx context.Context) {
	for {
		if pause.Until(ctx, c.dirty, most) != nil {
			return
		}
		start := time.Now()
		c.count(ctx)
		if pause.For(ctx, max(c.least, restFactor*time.Since(start))) != nil {
			return
		}
	}
}

func (c *Counter) count(ctx context.Context) {
	bucket, prefix, ok := c.source()
	if !ok {
		return // whoever makes it ok says Changed
	}
	u, err := c.list(ctx, bucket, prefix)
	if u != nil {
		// What is under way is seldom over at the first sight of it, and not everybody
		// says when it is: again after the gap, until nothing changes.
		if before := c.last.Swap(u); before == nil || before.Objects != u.Objects || before.Bytes != u.Bytes {
			c.Changed()
		}
	}
	if err != nil {
		c.log.Warn("usage could not be counted", "error", err)
		c.Changed() // again after the gap
	}
}

// list returns a count with an error when only its follower failed.
func (c *Counter) list(ctx context.Context, bucket objectstore.Bucket, prefix layout.Prefix) (*serverstatus.Usage, error) {
	follower, err := c.follow(ctx, bucket, prefix)
	if err != nil {
		return nil, err
	}
	u := &serverstatus.Usage{CountedAt: c.now().UTC()}
	for info, err := range bucket.List(ctx, prefix.Objects(), "") {
		if err != nil {
			return nil, err
		}
		if oid, final := prefix.OIDOf(info.Key); final {
			u.Objects++
			u.Bytes += info.Size
			follower.Saw(oid)
		}
	}
	return u, follower.Publish(ctx, u.Bytes)
}

// Alone is the Follower of a count that nobody follows.
type Alone struct{}

// Saw implements Follower.
func (Alone) Saw(string) {}

// Publish implements Follower.
func (Alone) Publish(context.Context, int64) error { return nil }
