package adopt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/presence"
	"github.com/lfs-operator/lfs-operator/internal/pause"
)

// lease is the right to change what lies under a prefix that is adopted in place:
// the owner object, as this run has written it. One goroutine at a time.
type lease struct {
	run    *run
	bucket *objectstore.S3
	prefix layout.Prefix
	owner  objectstore.Owner
	etag   string
	// date is the store's clock when the lease was last renewed.
	date time.Time
}

// margin is what clocks of one store may differ by, and dates are rounded to.
const margin = 2 * time.Second

var (
	errLost = errors.New("another run has taken over")
	// errDone: there is nothing left to adopt.
	errDone = errors.New("it was adopted before")
)

// acquire takes the prefix over, from who had it before or from a run that ended.
// It waits for one that still runs.
func (r *run) acquire(ctx context.Context, name string) (*lease, error) {
	l := &lease{run: r, bucket: r.Bucket, prefix: r.prefix}
	for {
		owner, info, err := objectstore.ReadOwner(ctx, r.Bucket, r.prefix, "")
		if errors.Is(err, objectstore.ErrNotFound) {
			return nil, r.claimEmpty(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("reading whose prefix it is: %w", err)
		}
		wait, err := r.free(ctx, owner, info.Date)
		if err != nil {
			return nil, err
		}
		if wait > 0 {
			r.Log("another run works until %s: waiting", owner.Adopting.Until.Format(time.RFC3339))
			if err := pause.For(ctx, min(wait, 5*time.Second)); err != nil {
				return nil, err
			}
			continue
		}
		l.owner, l.etag, l.date = r.me(), info.ETag, info.Date
		l.owner.Adopting = &objectstore.Adopting{Run: name, From: fromOf(owner)}
		if err := l.renew(ctx); !errors.Is(err, errLost) {
			return l, err
		}
	}
}

func fromOf(owner objectstore.Owner) string {
	if owner.Adopting != nil {
		return owner.Adopting.From
	}
	return fmt.Sprintf("%s/%s (%s)", owner.Namespace, owner.Name, owner.UID)
}

// claimEmpty: nobody ever claimed the prefix. Only what another LFSRepository left
// can be adopted in place.
func (r *run) claimEmpty(ctx context.Context) error {
	_, err := objectstore.Claim(ctx, r.Bucket, r.prefix, r.me(), "")
	switch {
	case errors.Is(err, objectstore.ErrForeignObjects):
		return fmt.Errorf("%w. They cannot be adopted in place, because links to upload that another server handed out may still write there: "+
			"make an LFSRepository with a prefix of its own, and name this one in spec.adoptFrom.prefix", err)
	case err == nil, errors.Is(err, objectstore.ErrAdopting):
		return errDone
	}
	return err
}

// free says whether the prefix can be taken over: at once, or after a while.
func (r *run) free(ctx context.Context, owner objectstore.Owner, now time.Time) (time.Duration, error) {
	switch {
	case now.IsZero():
		return 0, fmt.Errorf("%w: it does not tell the time", objectstore.ErrUnavailable)
	case owner.UID == r.Config.Repository.UID && owner.Adopting == nil:
		return 0, errDone
	case owner.Adopting != nil:
		return max(owner.Adopting.Until.Add(margin).Sub(now), 0), nil
	}
	seen, err := presence.LastSeen(ctx, r.Bucket, r.prefix)
	if err != nil {
		return 0, fmt.Errorf("reading when its servers were last heard of: %w", err)
	}
	if ago := now.Sub(seen); !seen.IsZero() && ago < presence.Settle {
		return 0, fmt.Errorf("prefix %q belongs to LFSRepository %s, and a server of it was heard of %s ago: "+
			"delete that LFSRepository first (deletionPolicy: Retain), or suspend it; then this is tried again",
			r.prefix, fromOf(owner), ago.Round(time.Second))
	}
	return 0, nil
}

// renew writes the owner object, if it is still the one that was read or written
// last; else errLost. No two renewals have the same bytes.
func (l *lease) renew(ctx context.Context) error {
	next := l.owner
	adopting := *l.owner.Adopting
	adopting.Until = l.date.Add(l.run.Lease).Add(time.Duration(time.Now().Nanosecond() % 1e6)).UTC()
	next.Adopting = &adopting
	if err := l.put(ctx, next); err != nil {
		return err
	}
	l.owner = next
	return nil
}

// release says that all is proven: servers serve from then on.
func (l *lease) release(ctx context.Context) error {
	next := l.owner
	next.Adopting = nil
	return l.put(ctx, next)
}

func (l *lease) put(ctx context.Context, owner objectstore.Owner) error {
	raw, err := json.Marshal(owner)
	if err != nil {
		return err
	}
	info, err := l.bucket.Put(ctx, l.prefix.Owner(), bytes.NewReader(raw), int64(len(raw)), objectstore.Condition{IfMatch: l.etag})
	if err == nil {
		l.etag = info.ETag
		l.date = latest(l.date, info.Date)
		return nil
	}
	if !errors.Is(err, objectstore.ErrPreconditionFailed) && !errors.Is(err, objectstore.ErrNotFound) {
		return err
	}
	// A put that was sent twice can look like a loss.
	body, info, gone := l.bucket.Get(ctx, l.prefix.Owner(), "")
	if gone != nil {
		return errors.Join(err, gone)
	}
	defer body.Close()
	if standing, _ := io.ReadAll(io.LimitReader(body, 64<<10)); !bytes.Equal(standing, raw) {
		return errLost
	}
	l.etag, l.date = info.ETag, latest(l.date, info.Date)
	return nil
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// remove deletes a key, once, by a request that the store refuses after the lease.
// The caller has renewed the lease right before.
func (l *lease) remove(ctx context.Context, key string) error {
	u, err := l.run.Signer.PresignDelete(key, "", l.date, l.run.Lease/2)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, u, nil)
	if err != nil {
		return errors.New("the request that deletes cannot be made")
	}
	resp, err := l.bucket.Do(req, "adopt-delete")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotFound {
		return fmt.Errorf("the store answers %d to the deletion of %s", resp.StatusCode, key)
	}
	return nil
}
