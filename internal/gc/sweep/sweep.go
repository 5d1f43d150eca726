// Package sweep carries out garbage collection beside the store: it reads what a
// scan found, makes a plan, condemns what is superseded, and deletes what was
// condemned long enough ago and is superseded still.
//
// The protocol, and why it cannot lose a pushed object, stands in
// docs/concepts/gc.md; the files here follow its steps: guards, condemn, delete,
// close.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/gc/report"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
	"github.com/lfs-operator/lfs-operator/internal/pause"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Options of a sweep.
type Options struct {
	Config *serverconfig.Config
	// Run is the name of the Job, and of its scan.
	Run    string
	Bucket objectstore.Bucket
	// Versions of the same bucket; nil where nobody can look at them.
	Versions objectstore.Versions
	// Current reads the configuration again, so that a run which is under way hears
	// of a stop; nil where it cannot change.
	Current func() (*serverconfig.Config, error)
	// Presign signs DELETEs, Do sends each once, without any retry of its own.
	Presign objectstore.Presigner
	Do      func(*http.Request) (*http.Response, error)
	// Probe finds out what the store enforces, by trying it.
	Probe func(context.Context) (serverstatus.Capabilities, error)
	// TempDir takes what does not fit into memory.
	TempDir string
	Limits  Limits
	// Log gets lines of progress; nil for none.
	Log func(format string, args ...any)
	// Explain is told of every decision; nil for none.
	Explain func(plan.Decision)
	// Sleep waits; nil for the real thing.
	Sleep func(context.Context, time.Duration) error
}

// Limits are the times of the protocol.
type Limits struct {
	// AnswerWithin is R: how long servers may take to answer a batch after they
	// read the index. Shorter than theirs is unsafe.
	AnswerWithin time.Duration
	// Lease is how long a run may delete before others may take over.
	Lease time.Duration
	// Expiry of one signed DELETE.
	Expiry time.Duration
	// ScanAge is how old a scan may be when its plan is carried out.
	ScanAge time.Duration
	// Group is how many DELETEs are signed before one look at the index.
	Group int
	// Abandoned is how long versions stay that were overwritten or deleted, of what
	// servers and garbage collection keep for themselves.
	Abandoned time.Duration
}

// DefaultLimits are those of a cluster.
var DefaultLimits = Limits{
	AnswerWithin: index.AnswerWithin,
	Lease:        15 * time.Minute,
	Expiry:       30 * time.Second,
	ScanAge:      2 * time.Hour,
	Group:        16,
	Abandoned:    upload.SweepAfter,
}

// Stopped is a guard's refusal: nothing was condemned or deleted by this run
// after it. A person may have to act; the message says what to do.
type Stopped struct{ Reason, Message string }

// Error is reason and message.
func (s *Stopped) Error() string { return s.Reason + ": " + s.Message }

func stop(reason, format string, args ...any) error {
	return &Stopped{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// run is one sweep under way.
type run struct {
	Options
	prefix layout.Prefix
	bucket *clocked
	policy plan.Policy
	last   report.Report
	report report.Report
	// started is the store's time at which the scan began.
	started time.Time
	index   index.Read
	plan    *plan.Plan
	caps    serverstatus.Capabilities
	// hidden are the objects that only older versions are left of.
	hidden hidden
}

// Run carries out one sweep and writes its report, also of a failure. The error
// is a *Stopped when a guard refused.
func Run(ctx context.Context, o Options) (report.Report, error) {
	r := &run{Options: o, prefix: layout.Prefix(o.Config.Storage.Prefix), bucket: &clocked{Bucket: o.Bucket}}
	if r.Log == nil {
		r.Log = func(string, ...any) {}
	}
	if r.Sleep == nil {
		r.Sleep = pause.For
	}
	r.report.ID, r.report.Mode, r.report.StartedAt = o.Run, o.Config.GC.Mode, time.Now().UTC()
	if l := r.Limits; l.AnswerWithin+2*l.Expiry+2*second > l.Lease || l.Group < 1 || l.Expiry < second {
		return r.report, fmt.Errorf("a lease of %s is too short for waiting %s and deletes that are valid for %s",
			l.Lease, l.AnswerWithin, l.Expiry)
	}
	// Nothing is written before it is certain whose prefix this is, not even a report.
	if err := r.owner(ctx); err != nil {
		r.finish(err)
		return r.report, err
	}
	err := r.steps(ctx)
	r.finish(err)
	if saveErr := report.Save(ctx, r.bucket, r.prefix, r.report); saveErr != nil {
		err = errors.Join(err, saveErr)
	}
	return r.report, err
}

// steps are the whole run, in order.
func (r *run) steps(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		r.readLast, r.configured, r.scanBegan, r.readIndex, r.makePlan,
		r.emptyHistory, r.tooMuch, r.carryOut, r.removeVersions,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// finish fills in the outcome.
func (r *run) finish(err error) {
	r.report.FinishedAt = time.Now().UTC()
	r.report.Outcome = serverstatus.GCSucceeded
	if err != nil {
		r.report.Outcome, r.report.Reason, r.report.Message = serverstatus.GCFailed, "Error", err.Error()
		var s *Stopped
		if errors.As(err, &s) {
			r.report.Outcome, r.report.Reason, r.report.Message = serverstatus.GCStopped, s.Reason, s.Message
		}
	}
	r.report.Named = r.remember()
	r.report.Quarantined = r.quarantined()
	if r.plan != nil {
		r.report.Plan = r.plan.Counts
	}
	r.report.Short()
	if r.plan == nil {
		r.report.Objects = r.last.Objects
	}
}
