package usage

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// slowBucket takes its time to list one object and some of the server's own.
type slowBucket struct {
	objectstore.Bucket
	takes time.Duration
	err   error
	spent time.Duration
	lists int
	more  int64 // bytes
}

func (b *slowBucket) List(context.Context, string, string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		time.Sleep(b.takes)
		b.spent += b.takes
		b.lists++
		if b.err != nil {
			yield(objectstore.Info{}, b.err)
			return
		}
		oid := "0123456789012345678901234567890123456789012345678901234567890123"
		for _, key := range []string{layout.Prefix("p/").Object(oid), "p/lfs/other", "p/lfs/00/00/" + oid} {
			if !yield(objectstore.Info{Key: key, Size: 7 + b.more}, nil) {
				return
			}
		}
	}
}

// alone follows no count.
func alone(context.Context, objectstore.Bucket, layout.Prefix) (Follower, error) { return Alone{}, nil }

// counting is a Counter at work. stop waits for its end: it may be in the middle of a
// count.
func counting(t *testing.T, b *slowBucket) (c *Counter, stop func()) {
	c = New(func() (objectstore.Bucket, layout.Prefix, bool) { return b, "p/", true }, alone, time.Now, slog.New(slog.DiscardHandler), 0)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	return c, func() {
		cancel()
		running.Wait()
	}
}

// TestPace: however often something changes, listing takes at most 5 % of the
// time and happens at most every 15 s; changes are not forgotten.
func TestPace(t *testing.T) {
	for name, takes := range map[string]time.Duration{"quick": time.Millisecond, "slow": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &slowBucket{takes: takes}
				c, stop := counting(t, b)
				const span = time.Hour
				for begin := time.Now(); time.Since(begin) < span; time.Sleep(100 * time.Millisecond) {
					c.Changed()
				}
				stop()
				if b.spent > span/20+takes {
					t.Errorf("%v of %v spent listing", b.spent, span)
				}
				if most := int(span/(15*time.Second)) + 1; b.lists > most || b.lists < 50 {
					t.Errorf("%d counts in %v", b.lists, span)
				}
				if u := c.Last(); u == nil || u.Objects != 1 || u.Bytes != 7 {
					t.Errorf("counted %+v", u)
				}
			})
		})
	}
}

// TestUntilNothingChanges: what comes after a count that something has changed is
// counted too, without another word.
func TestUntilNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowBucket{}
		c, stop := counting(t, b)
		c.Changed()
		synctest.Wait()
		b.more = 1
		time.Sleep(time.Minute)
		synctest.Wait()
		if u := c.Last(); u == nil || u.Bytes != 8 {
			t.Errorf("counted %+v, want what came after the first count", u)
		}
		if quiet := b.lists; quiet > 3 {
			t.Errorf("%d counts", quiet)
		}
		stop()
	})
}

// TestAgain: a count that fails is repeated without being asked for, and keeps
// the last good one.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowBucket{}
		c, stop := counting(t, b)
		c.Changed()
		time.Sleep(time.Minute)
		synctest.Wait()
		b.err = errors.New("away")
		c.Changed()
		time.Sleep(time.Minute)
		synctest.Wait()
		if b.lists < 3 || c.Last() == nil {
			t.Errorf("%d counts, last %+v", b.lists, c.Last())
		}
		stop()
	})
}
