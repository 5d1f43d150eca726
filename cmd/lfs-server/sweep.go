package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/gc/sweep"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// sweepOptions are the flags of sweep.
type sweepOptions struct {
	config, credentialsDir, caFile, run, workDir string
	dryRun, json, explain                        bool
	limits                                       sweep.Limits
}

// stoppedError is exit code 3: a guard stopped the run, and the same run again
// would be stopped again.
type stoppedError struct{ error }

// ExitCode of the process.
func (stoppedError) ExitCode() int { return 3 }

// sweepStore carries out garbage collection on what a scan has reported. It
// needs the credentials of the store and none of Git.
func sweepStore(ctx context.Context, args []string) error {
	o := sweepOptions{limits: sweep.DefaultLimits}
	fs := flag.NewFlagSet("lfs-server sweep", flag.ContinueOnError)
	fs.StringVar(&o.config, "config", env("LFS_CONFIG", serverconfig.File), "configuration `file`")
	fs.StringVar(&o.credentialsDir, "credentials-dir", env("LFS_CREDENTIALS_DIR", serverconfig.StoreCredentialsDir), "`folder` with the object store's credentials")
	fs.StringVar(&o.caFile, "ca-file", env("LFS_CA_FILE", serverconfig.StoreCAFile), "certificate authority of the object store")
	fs.StringVar(&o.run, "run", env("LFS_RUN", ""), "`name` of the run (its Job), as its scan had it")
	fs.StringVar(&o.workDir, "work-dir", os.TempDir(), "`folder` for sorting")
	fs.BoolVar(&o.dryRun, "dry-run", false, "report what would be done, whatever gc.mode says")
	fs.BoolVar(&o.json, "json", false, "print the report as JSON")
	fs.BoolVar(&o.explain, "explain", false, "print the decision about every object, and its reason")
	fs.DurationVar(&o.limits.AnswerWithin, "answer-within", o.limits.AnswerWithin, "how long servers may take to answer a batch; less than they do take is unsafe")
	fs.DurationVar(&o.limits.Lease, "lease", o.limits.Lease, "how long one run may delete before another may take over")
	fs.DurationVar(&o.limits.ScanAge, "scan-age", o.limits.ScanAge, "how old a scan may be when it is acted on")
	if err := parse(fs, args); err != nil {
		return err
	}
	if o.run == "" {
		return usageError{errors.New("--run (or LFS_RUN) is needed: the name that the scan had")}
	}
	boundMemory()
	cfg, _, err := serverconfig.Load(o.config)
	if err != nil {
		return err
	}
	if o.dryRun {
		cfg.GC.Mode = serverconfig.GCDryRun
	}
	return o.sweep(ctx, cfg)
}

func (o sweepOptions) sweep(ctx context.Context, cfg *serverconfig.Config) error {
	opts, err := o.connect(cfg)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	opts.Log = func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) }
	if o.explain {
		opts.Explain = func(d plan.Decision) { fmt.Printf("%s %s (%s): %s\n", d.OID, d.Action, d.Reason, d.Text) }
	}
	rep, err := sweep.Run(ctx, opts)
	if o.json {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		_ = enc.Encode(rep)
	} else {
		rep.WriteText(os.Stdout)
	}
	var stopped *sweep.Stopped
	if errors.As(err, &stopped) {
		return stoppedError{err}
	}
	return err
}

// connect prepares everything that reaches the store.
func (o sweepOptions) connect(cfg *serverconfig.Config) (sweep.Options, error) {
	st := cfg.Storage
	endpoint, err := objectstore.ParseEndpoint(st.Endpoint, st.Region, st.Bucket, st.VirtualHosted)
	if err != nil {
		return sweep.Options{}, err
	}
	creds := objectstore.Credentials{
		AccessKeyID:     o.credential(serverconfig.KeyAccessKeyID),
		SecretAccessKey: o.credential(serverconfig.KeySecretAccessKey),
		SessionToken:    o.credential(serverconfig.KeySessionToken),
	}
	if creds.AccessKeyID == "" || creds.SecretAccessKey == "" {
		return sweep.Options{}, fmt.Errorf("secret %q lacks %s or %s: the store cannot be reached",
			st.CredentialsName, serverconfig.KeyAccessKeyID, serverconfig.KeySecretAccessKey)
	}
	roots, err := o.roots(st.CA)
	if err != nil {
		return sweep.Options{}, err
	}
	bucket, err := objectstore.NewS3(endpoint, creds, objectstore.NewTransport(roots), nil)
	if err != nil {
		return sweep.Options{}, err
	}
	signer := objectstore.NewURLSigner(endpoint, creds, time.Now)
	prefix := layout.Prefix(st.Prefix)
	return sweep.Options{
		Config: cfg, Run: o.run, TempDir: o.workDir, Limits: o.limits,
		Bucket: bucket, Presign: signer,
		Do: func(r *http.Request) (*http.Response, error) { return bucket.Do(r, "gc-delete") },
		Probe: func(ctx context.Context) (serverstatus.Capabilities, error) {
			return objectstore.Probe(ctx, bucket, signer, prefix)
		},
	}, nil
}

func (o sweepOptions) credential(key string) string {
	b, err := os.ReadFile(filepath.Join(o.credentialsDir, key))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// roots are nil where the system's own certificate authorities do.
func (o sweepOptions) roots(custom bool) (*x509.CertPool, error) {
	if !custom {
		return nil, nil
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return nil, fmt.Errorf("the store's certificate authority: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("the store's ca.crt holds no certificate in PEM form")
	}
	return roots, nil
}
