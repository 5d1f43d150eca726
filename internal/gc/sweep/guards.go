package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/gc/report"
	"github.com/lfs-operator/lfs-operator/internal/gc/scan"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/abandoned"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// maxRecord is the size in bytes that neither an owner object nor a begin reaches.
const maxRecord = 64 << 10

// owner checks whose prefix this is.
func (r *run) owner(ctx context.Context) error {
	raw, _, err := objectstore.ReadSmall(ctx, r.bucket, r.prefix.Owner(), "", maxRecord)
	if errors.Is(err, objectstore.ErrNotFound) {
		return stop("PrefixNotOurs", "the prefix has no owner object: the LFS server claims it when it starts; start it first")
	}
	if err != nil {
		return fmt.Errorf("reading the owner object: %w", err)
	}
	var owner objectstore.Owner
	if err := json.Unmarshal(raw, &owner); err != nil {
		return stop("PrefixNotOurs", "the owner object of the prefix is malformed")
	}
	if owner.UID == "" || owner.UID != r.Config.Repository.UID {
		return stop("PrefixInUse", "the prefix belongs to LFSRepository %s/%s with another uid; nothing was read or written",
			owner.Namespace, owner.Name)
	}
	if owner.Adopting != nil {
		return stop("Adopting", "the objects under the prefix are being proven: wait until the adoption has ended")
	}
	return nil
}

func (r *run) readLast(ctx context.Context) (err error) {
	if r.last, err = report.Load(ctx, r.bucket, r.prefix); err != nil {
		return err
	}
	record, err := abandoned.Load(ctx, r.bucket, r.prefix)
	r.report.AbandonedTotal = record.Counts
	r.report.Abandoned = record.Since(r.last.AbandonedTotal)
	return err
}

// configured checks what needs no store.
func (r *run) configured(context.Context) (err error) {
	if r.policy, err = plan.FromConfig(r.Config); err != nil {
		return stop("PolicyInvalid", "%v; nothing is deleted under a policy that is not understood", err)
	}
	r.report.Policy = r.policy.String()
	if err := r.stopped(r.Config); err != nil {
		return err
	}
	if len(r.Config.History) == 0 {
		return stop("HistoryMissing", "spec.history lists no Git repository, so nothing says which objects are still needed; list it")
	}
	return nil
}

// scanBegan finds when this run's scan began, by the store's clock.
func (r *run) scanBegan(ctx context.Context) error {
	key := r.prefix.GCScan(scan.BeginName(r.Run))
	info, err := r.bucket.Head(ctx, key)
	if errors.Is(err, objectstore.ErrNotFound) {
		return stop("HistoryUnreadable", "no scan has reported for run %s: see the log of its container %q", r.Run, "scan")
	}
	if err != nil {
		return fmt.Errorf("reading when the scan began: %w", err)
	}
	r.started = info.LastModified
	return r.fresh(ctx)
}

// fresh checks that the scan is not too old to act on.
func (r *run) fresh(ctx context.Context) error {
	now, err := r.now(ctx)
	if err != nil {
		return err
	}
	if age := now.Sub(r.started); age > r.Limits.ScanAge {
		return stop("ScanTooOld", "the scan began %s ago and may be acted on for %s: start a new run, or raise --scan-age if scans take so long",
			age.Round(1e9), r.Limits.ScanAge)
	}
	return nil
}

// attempt names the scan of which both the begin and the live set must be.
func (r *run) attempt(ctx context.Context) (string, error) {
	raw, info, err := objectstore.ReadSmall(ctx, r.bucket, r.prefix.GCScan(scan.BeginName(r.Run)), "", maxRecord)
	if err != nil {
		return "", err
	}
	var b scan.Begin
	if err := json.Unmarshal(raw, &b); err != nil {
		return "", fmt.Errorf("the record of the scan's begin: %w", err)
	}
	r.started = info.LastModified
	return b.Attempt, nil
}

// sameHistory checks that the scan read the list that is configured now.
func (r *run) sameHistory(p *plan.Plan, revision string) error {
	var want, got []string
	for _, h := range r.Config.History {
		want = append(want, h.Name)
	}
	for _, e := range p.History.Entries {
		got = append(got, e.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if revision != r.Config.HistoryRevision || !slices.Equal(want, got) {
		return stop("HistoryChanged", "the scan read %v, spec.history lists %v since: start a new run", got, want)
	}
	return nil
}

// emptyHistory refuses a history that named objects before and names none now.
func (r *run) emptyHistory(context.Context) error {
	for _, e := range r.plan.History.Entries {
		if before := r.last.Named[e.Name]; before > 0 && e.Pointers == 0 {
			return stop("HistoryEmpty", "history entry %q named %d objects before and names none now. "+
				"Restore the repository; if this is meant, remove the entry from spec.history", e.Name, before)
		}
	}
	return nil
}

// remember is how many pointers each entry had when it last had any.
func (r *run) remember() map[string]int64 {
	named := map[string]int64{}
	for _, h := range r.Config.History {
		if n := r.last.Named[h.Name]; n > 0 {
			named[h.Name] = n
		}
	}
	if r.plan != nil {
		for _, e := range r.plan.History.Entries {
			if e.Pointers > 0 {
				named[e.Name] = e.Pointers
			}
		}
	}
	return maps.Clone(named)
}

// tooMuch is the guard against wrong input: a rewritten history, a mistyped rule.
func (r *run) tooMuch(context.Context) error {
	c := r.plan.Counts
	limit := int64(r.policy.DeleteLimitPercent)
	for _, x := range []struct {
		verb string
		n    int64
	}{{"delete", c.Deletable.Objects}, {"condemn", c.Condemned.Objects}} {
		if x.n == 0 || 100*x.n <= limit*c.Objects.Objects {
			continue
		}
		message := fmt.Sprintf("this run would %s %d of %d objects (%d %%), more than gc.deleteLimit (%d %%). "+
			"If that is right, raise spec.gc.deleteLimit or prune in steps with a larger keepVersions",
			x.verb, x.n, c.Objects.Objects, 100*x.n/c.Objects.Objects, limit)
		if r.dry() {
			r.note("in mode Delete it would stop: %s", message)
			return nil
		}
		return stop("DeleteLimit", "%s", message)
	}
	return nil
}

func (r *run) dry() bool { return r.Config.GC.Mode != serverconfig.GCDelete }

func (r *run) note(format string, args ...any) {
	r.report.Notes = append(r.report.Notes, fmt.Sprintf(format, args...))
}

// readIndex reads the index and respects whoever is deleting by it.
func (r *run) readIndex(ctx context.Context) error {
	x, err := index.Load(ctx, r.bucket, r.prefix)
	if err != nil {
		return err
	}
	r.index = x
	if !x.Deletes() || r.dry() {
		return nil
	}
	now, err := r.now(ctx)
	if err != nil {
		return err
	}
	if over := x.LeaseEnd.Add(index.TakeoverMargin); !now.After(over) {
		return stop("AnotherRun", "run %s is deleting until %s: wait for it; the next run goes on", x.Owner, over.Format("15:04:05"))
	}
	r.Log("run %s ended without closing the index: what it was deleting is condemned again", x.Owner)
	r.note("took over from run %s, which ended without closing the index", x.Owner)
	return r.writeIndex(ctx, x.Reverted())
}
