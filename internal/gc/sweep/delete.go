package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// second by which times of the store are cut off.
const second = time.Second

// fate of an object that was to be deleted.
type fate int

const (
	left       fate = iota // not tried
	gone                   // the store says it is deleted
	rescued                // asked for at the last moment
	refused                // the store refused: it is still there
	unanswered             // not known, until its DELETE has expired
)

// deleteAll waits for servers that have not seen the index, drops what they
// rescued, deletes the rest and closes the index.
func (r *run) deleteAll(ctx context.Context) error {
	wait := r.Limits.AnswerWithin + second
	r.Log("deleting %d objects: waiting %s for batches that are being answered", len(r.plan.Delete), wait)
	if err := r.Sleep(ctx, wait); err != nil {
		return err
	}
	markers, err := index.Markers(ctx, r.bucket, r.prefix)
	if err != nil {
		return err
	}
	fates := map[string]fate{}
	for _, m := range markers {
		if e := r.index.Find(m.OID); e != nil && m.Rescues(*e) {
			fates[e.OID] = rescued
		}
	}
	var todo []index.Entry
	for _, e := range r.index.Entries {
		if e.State == index.Deleting && fates[e.OID] != rescued {
			todo = append(todo, e)
		}
	}
	deleteErr := r.deleteGroups(ctx, todo, fates)
	if ctx.Err() != nil || errors.Is(deleteErr, errLost) {
		return errors.Join(deleteErr, ctx.Err())
	}
	return errors.Join(deleteErr, r.closeIndex(ctx, todo, fates))
}

// errLost: the index is no longer ours, so it is not ours to close.
var errLost = errors.New("the index was taken over while deleting; nothing more was deleted")

// deleteGroups works in groups: sign, look at the index, send.
func (r *run) deleteGroups(ctx context.Context, todo []index.Entry, fates map[string]fate) error {
	logged := time.Now()
	for n := 0; n < len(todo); n += r.Limits.Group {
		group := todo[n:min(n+r.Limits.Group, len(todo))]
		if err := r.deleteGroup(ctx, group, fates); err != nil {
			return err
		}
		if n == 0 && all(group, fates, refused) {
			return fmt.Errorf("the bucket refuses deletes: %s. Let the credentials delete under %s (%s)", r.report.Deletes.LastError, r.prefix.Objects(), r.permission())
		}
		if time.Since(logged) > 5*time.Second {
			logged = time.Now()
			r.Log("deleted %d of %d", n+len(group), len(todo))
		}
	}
	return nil
}

// permission is what a DELETE takes, by its name in S3.
func (r *run) permission() string {
	if r.caps.Versioned {
		return "s3:DeleteObjectVersion, since the bucket keeps versions"
	}
	return "s3:DeleteObject"
}

func all(group []index.Entry, fates map[string]fate, want fate) bool {
	return !slices.ContainsFunc(group, func(e index.Entry) bool { return fates[e.OID] != want })
}

// deleteGroup is the fence. Every DELETE is signed first and can land only
// before the lease ends, because the store refuses it later; then one look says
// that the index is still ours; then they are sent, each once.
func (r *run) deleteGroup(ctx context.Context, group []index.Entry, fates map[string]fate) error {
	if err := r.tombstones(ctx, group); err != nil {
		return err
	}
	under := r.versionsBelow(ctx, group)
	at := r.bucket.Date()
	if at.Add(r.Limits.Expiry).After(r.index.LeaseEnd) {
		return nil // the rest is left for the next run
	}
	urls := make([]string, len(group))
	for i, e := range group {
		u, err := r.Presign.PresignDelete(r.prefix.Object(e.OID), r.examined(e), at, r.Limits.Expiry)
		if err != nil {
			return fmt.Errorf("signing a delete: %w", err)
		}
		urls[i] = u
		if err := r.sign(&under[i], r.prefix.Object(e.OID), at); err != nil {
			return err
		}
	}
	if err := r.wanted(); err != nil {
		return err
	}
	if err := r.stillOurs(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i, e := range group {
		wg.Go(func() {
			f, err := r.sendAll(ctx, &under[i], urls[i])
			mu.Lock()
			defer mu.Unlock()
			r.followed(under[i])
			fates[e.OID] = f
			if err != nil {
				r.report.Deletes.LastError = err.Error()
			}
		})
	}
	wg.Wait()
	return nil
}

// examined names the version of an entry. One from before the bucket kept versions has
// no other name, also where versions cannot be listed: a DELETE that names none would
// only hide the object, for ever.
func (r *run) examined(e index.Entry) string {
	if e.Version == "" && r.caps.Versioned {
		return objectstore.NullVersion
	}
	return e.Version
}

// stillOurs looks at the index: nobody has written it, and the lease is longer
// than what was signed.
func (r *run) stillOurs(ctx context.Context) error {
	info, err := r.bucket.Head(ctx, r.prefix.GCIndex())
	if err != nil && !errors.Is(err, objectstore.ErrNotFound) {
		return fmt.Errorf("looking at the index: %w", err)
	}
	if err != nil || info.ETag != r.index.ETag || !info.Date.Before(r.index.LeaseEnd) {
		return errLost
	}
	return nil
}

// send sends one DELETE once. Whatever is not a clear answer leaves it open
// whether the object is gone.
func (r *run) send(ctx context.Context, url string) (fate, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Limits.Expiry)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, url, http.NoBody)
	if err != nil {
		return refused, errors.New("malformed URL")
	}
	resp, err := r.Do(req)
	if err != nil {
		return unanswered, errors.New("a delete was not answered")
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	switch {
	case resp.StatusCode < 300, resp.StatusCode == http.StatusNotFound:
		return gone, nil
	case resp.StatusCode < 500:
		return refused, fmt.Errorf("a delete was answered with %s", resp.Status)
	}
	return unanswered, fmt.Errorf("a delete was answered with %s", resp.Status)
}

// tombstones are written before the deletes, so that a pruned object is never
// merely missing. They count only while the object is absent.
func (r *run) tombstones(ctx context.Context, group []index.Entry) error {
	errs := make([]error, len(group))
	var wg sync.WaitGroup
	for i, e := range group {
		wg.Go(func() {
			errs[i] = index.WriteTombstone(ctx, r.bucket, r.prefix, index.Tombstone{
				OID: e.OID, Reason: e.Reason, Policy: r.policy.String(), Path: e.Path,
				Run: r.Run, Size: e.Size, At: r.bucket.Date(),
			})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// closeIndex takes out what is gone or rescued, once every DELETE has been
// answered or has expired; the rest is condemned again.
func (r *run) closeIndex(ctx context.Context, todo []index.Entry, fates map[string]fate) error {
	if slices.ContainsFunc(todo, func(e index.Entry) bool { return fates[e.OID] == unanswered }) {
		if err := r.expire(ctx); err != nil {
			return err
		}
	}
	next := r.index.Reverted()
	next.Entries = slices.DeleteFunc(next.Entries, func(e index.Entry) bool {
		return fates[e.OID] == gone || fates[e.OID] == rescued
	})
	r.book(fates)
	return r.writeIndex(ctx, next)
}

// expire waits until no DELETE of this run can land any more.
func (r *run) expire(ctx context.Context) error {
	until := r.bucket.Date().Add(r.Limits.Expiry + 2*second)
	for {
		now, err := r.now(ctx)
		if err != nil {
			return err
		}
		if now.After(until) {
			return nil
		}
		if err := r.Sleep(ctx, until.Sub(now)+second); err != nil {
			return err
		}
	}
}

// book counts the fates.
func (r *run) book(fates map[string]fate) {
	d := &r.report.Deletes
	for _, e := range r.index.Entries {
		if e.State != index.Deleting {
			continue
		}
		switch fates[e.OID] {
		case gone:
			d.Done.Objects++
			d.Done.Bytes += e.Size
		case rescued:
			d.Rescued++
		case refused:
			d.Refused++
		case unanswered:
			d.Unanswered++
		default:
			d.Left++
		}
	}
	if d.Refused+d.Unanswered+d.Left > 0 {
		r.note("%d objects stay in quarantine until the next run", d.Refused+d.Unanswered+d.Left)
	}
}
