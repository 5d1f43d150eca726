package quota

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// ErrUncounted: nobody has counted what the repository holds yet.
var ErrUncounted = errors.New("what the repository holds is being counted")

// ExceededError: the object does not fit any more. Its text is fit for clients.
type ExceededError struct {
	// Used in bytes, with what is being uploaded; Limit; and what was Asked for.
	Used, Limit, Asked int64
}

// Error implements error. It begins as KohakuHub's does (docs/api/git-lfs.md, "Error Handling").
func (e *ExceededError) Error() string {
	return fmt.Sprintf("You have used %s of your %s quota; this object of %s does not fit. Have old versions collected, or ask for more quota",
		humanize.IBytes(uint64(e.Used)), humanize.IBytes(uint64(e.Limit)), humanize.IBytes(uint64(e.Asked)))
}

// Bounds of a claim.
const (
	// shareOfFree is the part of what is free that a claim is enlarged by, beyond what
	// is needed.
	shareOfFree = 8
	maxSpare    = 1 << 30
	// slack is how much longer a claim lasts than the link that it was enlarged for: so
	// often at least it is written while it is used.
	slack = 30 * time.Minute
	// refusals are remembered for so long, so that a large push beyond the quota does
	// not ask the store for each object.
	refusals = time.Second
	attempts = 20
)

// Ledger is one server's part in the quota of its repository. It is safe for
// concurrent use, and empty at the start of a process.
type Ledger struct {
	holder string
	now    func() time.Time
	// count is called when a count would help.
	count func()
	// slow admits one to the record at a time.
	slow chan struct{}

	mu sync.Mutex
	// open are the objects that were let in and not counted yet, by OID.
	open      map[string]grant
	openBytes int64
	// claimed in bytes, of the record: at least openBytes, until claimedTo.
	claimed   int64
	claimedTo time.Time
	// listed in our claim as it was last written.
	listed  map[string]struct{}
	granted time.Time // the last time
	refused refusal
}

// grant is the right to upload one object.
type grant struct {
	size  int64
	until time.Time
}

// refusal remembers that the store was asked and how it stood.
type refusal struct {
	at         time.Time
	limit      int64
	used, free int64
}

// New makes a ledger. count is called, often, when what the repository holds should
// be counted; see Begin.
func New(now func() time.Time, count func()) *Ledger {
	return &Ledger{holder: rand.Text(), now: now, count: count, slow: make(chan struct{}, 1), open: map[string]grant{}}
}

// Reserve lets an object of that many bytes in, whose upload must have begun within
// life. Reserving it again costs nothing more. It returns an ExceededError where the
// object would pass the limit in bytes, ErrUncounted, or an error of the store.
func (l *Ledger) Reserve(ctx context.Context, b objectstore.Bucket, p layout.Prefix, limit int64, oid string, size int64, life time.Duration) error {
	for range attempts {
		if done, err := l.quick(limit, oid, size, life); done {
			return err
		}
		if err := l.enlarge(ctx, b, p, limit, oid, size, life); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: other servers keep changing the quota's record", objectstore.ErrUnavailable)
}

// quick is for what needs no store.
func (l *Ledger) quick(limit int64, oid string, size int64, life time.Duration) (done bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	old, again := l.open[oid]
	more := size - old.size
	until := now.Add(life)
	need := l.lacking(more)
	if need > 0 || until.After(l.claimedTo) {
		if r := &l.refused; need > 0 && need > r.free && r.limit == limit && now.Sub(r.at) < refusals {
			return true, &ExceededError{Used: r.used, Limit: limit, Asked: size}
		}
		return false, nil
	}
	if again && old.until.After(until) {
		until = old.until
	}
	l.open[oid] = grant{size, until}
	l.openBytes += more
	l.granted = now
	return true, nil
}

// lacking in the claim for so many bytes more.
func (l *Ledger) lacking(more int64) int64 { return l.openBytes + more - l.claimed }

// enter waits for the record.
func (l *Ledger) enter(ctx context.Context) (leave func(), err error) {
	select {
	case l.slow <- struct{}{}:
		return func() { <-l.slow }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: the quota's record is busy", objectstore.ErrUnavailable)
	}
}

// enlarge writes a larger claim, or returns why not.
func (l *Ledger) enlarge(ctx context.Context, b objectstore.Bucket, p layout.Prefix, limit int64, oid string, size int64, life time.Duration) error {
	leave, err := l.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	rec, etag, err := read(ctx, b, p)
	if errors.Is(err, objectstore.ErrNotFound) {
		l.count()
		return ErrUncounted
	}
	if err != nil {
		return err
	}
	mine, err := l.larger(rec, limit, oid, size, life)
	if err != nil {
		l.count() // there may be less than it seems
		return err
	}
	rec.replace(mine, l.now())
	err = write(ctx, b, p, rec, etag)
	l.wrote(mine, nil, err)
	if errors.Is(err, objectstore.ErrPreconditionFailed) {
		return pause(ctx)
	}
	return err
}

// larger is our claim with room for the object, where there is any.
func (l *Ledger) larger(rec *record, limit int64, oid string, size int64, life time.Duration) (claim, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.follow(rec)
	l.expire(now)
	others := rec.heldByOthers(l.holder, now)
	free := limit - others - l.claimed
	need := max(l.lacking(size-l.open[oid].size), 0)
	if need > 0 && need > free {
		l.refused = refusal{at: now, limit: limit, used: others + l.openBytes, free: free}
		return claim{}, &ExceededError{Used: others + l.openBytes, Limit: limit, Asked: size}
	}
	if need > 0 {
		need += min((free-need)/shareOfFree, maxSpare)
	}
	until := now.Add(life + slack)
	if l.claimedTo.After(until) {
		until = l.claimedTo
	}
	return claim{Holder: l.holder, Bytes: l.claimed + need, Until: until, Objects: listed(l.open, nil)}, nil
}

// follow forgets what another server's count has taken out of our claim.
func (l *Ledger) follow(rec *record) {
	still := make(map[string]struct{}, len(l.listed))
	for _, o := range rec.claimOf(l.holder).Objects {
		still[o.OID] = struct{}{}
	}
	for oid := range l.listed {
		if _, ok := still[oid]; !ok {
			l.forget(oid)
			delete(l.listed, oid)
		}
	}
}

// forget an object that is counted now.
func (l *Ledger) forget(oid string) {
	if g, ok := l.open[oid]; ok {
		delete(l.open, oid)
		l.openBytes -= g.size
		l.claimed -= g.size
	}
}

// expire gives up what never arrived: the room is ours to grant anew.
func (l *Ledger) expire(now time.Time) {
	for oid, g := range l.open {
		if now.After(g.until.Add(skew)) {
			delete(l.open, oid)
			delete(l.listed, oid)
			l.openBytes -= g.size
		}
	}
}

// wrote follows a write of our claim, from which a count has taken out the objects
// in counted. After a failure the record may say this or that: only what both have
// listed can be missed later.
func (l *Ledger) wrote(c claim, counted map[string]struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := make(map[string]struct{}, len(c.Objects))
	for _, o := range c.Objects {
		if _, before := l.listed[o.OID]; before || err == nil {
			now[o.OID] = struct{}{}
		}
	}
	if errors.Is(err, objectstore.ErrPreconditionFailed) {
		return
	}
	if l.listed = now; err != nil {
		return
	}
	for oid := range counted {
		l.forget(oid)
	}
	l.claimed, l.claimedTo = c.Bytes, c.Until
}

// pause lets another server go first.
func pause(ctx context.Context) error {
	t := time.NewTimer(time.Duration(mathrand.IntN(20)) * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: the quota's record is busy", objectstore.ErrUnavailable)
	case <-t.C:
		return nil
	}
}
