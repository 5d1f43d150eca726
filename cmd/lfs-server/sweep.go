package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/gc/sweep"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// sweepOptions are the flags of sweep.
type sweepOptions struct {
	storeOptions
	run, workDir          string
	dryRun, json, explain bool
	limits                sweep.Limits
}

// stoppedError is exit code 3: a guard stopped the run, and the same run again
// would be stopped again.
type stoppedError struct{ error }

// ExitCode of the process.
func (stoppedError) ExitCode() int { return 3 }

// sweepStore carries out garbage collection on what a scan has reported. It
// needs the credentials of the store and none of Git.
func sweepStore(ctx context.Context, args []string, stdout io.Writer) error {
	o := sweepOptions{limits: sweep.DefaultLimits}
	fs := flag.NewFlagSet("lfs-server sweep", flag.ContinueOnError)
	o.storeOptions.register(fs)
	fs.StringVar(&o.run, "run", env("LFS_RUN", ""), "`name` of the run (its Job), as its scan had it")
	fs.StringVar(&o.workDir, "work-dir", os.TempDir(), "`folder` for sorting")
	fs.BoolVar(&o.dryRun, "dry-run", false, "report what would be done, whatever gc.mode says")
	fs.BoolVar(&o.json, "json", false, "print the report as JSON")
	fs.BoolVar(&o.explain, "explain", false, "print the decision about every object, and its reason")
	fs.DurationVar(&o.limits.AnswerWithin, "answer-within", o.limits.AnswerWithin, "how long servers may take to answer a batch; less than they do take is unsafe")
	fs.DurationVar(&o.limits.Lease, "lease", o.limits.Lease, "how long one run may delete before another may take over")
	fs.DurationVar(&o.limits.Abandoned, "abandoned-after", o.limits.Abandoned, "how long overwritten versions of the server's own records stay, where the bucket keeps versions")
	fs.DurationVar(&o.limits.ScanAge, "scan-age", o.limits.ScanAge, "how old a scan may be when it is acted on")
	if err := parse(fs, args); err != nil {
		return err
	}
	if o.run == "" {
		return usageError{errors.New("--run (or LFS_RUN) is needed: the name that the scan had")}
	}
	boundMemory()
	cfg, err := o.load()
	if err != nil {
		return err
	}
	return o.sweep(ctx, cfg, stdout)
}

// load reads the configuration as it is now.
func (o sweepOptions) load() (*serverconfig.Config, error) {
	cfg, _, err := serverconfig.Load(o.storeOptions.config)
	if err == nil && o.dryRun {
		cfg.GC.Mode = serverconfig.GCDryRun
	}
	return cfg, err
}

func (o sweepOptions) sweep(ctx context.Context, cfg *serverconfig.Config, stdout io.Writer) error {
	st, err := o.connectAs(ctx, cfg)
	if err != nil {
		return err
	}
	opts := sweep.Options{
		Config: cfg, Current: o.load, Run: o.run, TempDir: o.workDir, Limits: o.limits,
		Bucket: st.bucket, Versions: st.bucket, Presign: st.signer,
		Do: func(r *http.Request) (*http.Response, error) { return st.bucket.Do(r, "gc-delete") },
		Probe: func(ctx context.Context) (serverstatus.Capabilities, error) {
			return objectstore.Probe(ctx, st.bucket, st.signer, st.prefix)
		},
	}
	log := slog.New(slog.NewTextHandler(stdout, nil))
	opts.Log = func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) }
	if o.explain {
		opts.Explain = func(d plan.Decision) { fmt.Fprintf(stdout, "%s %s (%s): %s\n", d.OID, d.Action, d.Reason, d.Text) }
	}
	rep, err := sweep.Run(ctx, opts)
	if o.json {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		_ = enc.Encode(rep)
	} else {
		rep.WriteText(stdout)
	}
	var stopped *sweep.Stopped
	if errors.As(err, &stopped) {
		return stoppedError{err}
	}
	return err
}
