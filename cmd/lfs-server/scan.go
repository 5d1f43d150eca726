package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/scan"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// scanOptions are the flags of scan.
type scanOptions struct {
	config, historyDir, tokenFile, server, run, workDir, out string
	check                                                    bool
	patience, checkTimeout                                   time.Duration
}

// scanHistory reads the Git history and reports it to the server. It needs the
// credentials of Git and none of the store.
func scanHistory(ctx context.Context, args []string, stdout io.Writer) error {
	var o scanOptions
	fs := flag.NewFlagSet("lfs-server scan", flag.ContinueOnError)
	fs.StringVar(&o.config, "config", env("LFS_CONFIG", serverconfig.File), "configuration `file`")
	fs.StringVar(&o.historyDir, "history-dir", env("LFS_HISTORY_DIR", serverconfig.HistoryDir), "`folder` with the Secret of each history entry")
	fs.StringVar(&o.tokenFile, "scan-token-file", env("LFS_SCAN_TOKEN_FILE", serverconfig.ScanTokenFile), "`file` with the scan token")
	fs.StringVar(&o.server, "server", env("LFS_SERVER_URL", ""), "`URL` of the server's admin port")
	fs.StringVar(&o.run, "run", env("LFS_RUN", ""), "`name` of the run (its Job)")
	fs.StringVar(&o.workDir, "work-dir", os.TempDir(), "`folder` for what is fetched")
	fs.StringVar(&o.out, "out", "", "write the live set to this `file` instead of sending it")
	fs.BoolVar(&o.check, "check", false, "only try whether every entry can be read, and report that")
	fs.DurationVar(&o.patience, "patience", 2*time.Minute, "how long to ask a server again that does not answer")
	fs.DurationVar(&o.checkTimeout, "check-timeout", time.Minute, "how long --check may take")
	if err := parse(fs, args); err != nil {
		return err
	}
	boundMemory()
	cfg, _, err := serverconfig.Load(o.config)
	if err != nil {
		return err
	}
	if o.check {
		return o.checkEntries(ctx, cfg, stdout)
	}
	return o.scan(ctx, cfg, stdout)
}

func (o scanOptions) entries(cfg *serverconfig.Config) []scan.Entry {
	var out []scan.Entry
	for _, h := range cfg.History {
		e := scan.Entry{Name: h.Name, URL: h.URL, SecretName: h.SecretName}
		if h.SecretName != "" {
			e.SecretDir = filepath.Join(o.historyDir, h.Name)
		}
		out = append(out, e)
	}
	return out
}

func (o scanOptions) client() (scan.Client, error) {
	token, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return scan.Client{}, fmt.Errorf("scan token: %w", err)
	}
	if o.server == "" {
		return scan.Client{}, usageError{errors.New("--server (or LFS_SERVER_URL) is needed: the URL of the server's admin port")}
	}
	return scan.Client{Server: o.server, Token: strings.TrimSpace(string(token)), Patience: o.patience}, nil
}

// checkEntries succeeds when it could report, whatever it had to report.
func (o scanOptions) checkEntries(ctx context.Context, cfg *serverconfig.Config, stdout io.Writer) error {
	limited, cancel := context.WithTimeout(ctx, o.checkTimeout)
	defer cancel()
	checks := scan.Check(limited, o.entries(cfg))
	for _, c := range checks {
		fmt.Fprintf(stdout, "%s: %s %s\n", c.Name, c.Reason, c.Message)
	}
	client, err := o.client()
	if err != nil {
		return err
	}
	return report(ctx, client, cfg, checks)
}

func report(ctx context.Context, client scan.Client, cfg *serverconfig.Config, checks []serverstatus.HistoryCheckEntry) error {
	return client.HistoryCheck(ctx, serverstatus.HistoryCheck{
		Revision: cfg.HistoryRevision, CheckedAt: time.Now().UTC(), Entries: checks,
	})
}

// scan reads everything. What can be read only in part is reported and sent nowhere.
func (o scanOptions) scan(ctx context.Context, cfg *serverconfig.Config, stdout io.Writer) error {
	if o.run == "" {
		o.run = "manual-" + strings.ToLower(rand.Text()[:8])
	}
	header := liveset.Header{Run: o.run, Attempt: rand.Text(), Revision: cfg.HistoryRevision, StartedAt: time.Now().UTC()}
	var client scan.Client
	if o.out == "" {
		var err error
		if client, err = o.client(); err != nil {
			return err
		}
		if err := client.Begin(ctx, header); err != nil {
			return err
		}
	}
	f, err := o.file()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	log := slog.New(slog.NewTextHandler(stdout, nil))
	threshold := int64(0)
	if cfg.GC.ReportLargeFiles {
		threshold = cfg.Policy.ThresholdBytes
	}
	res, scanErr := scan.Run(ctx, scan.Options{
		Entries: o.entries(cfg), WorkDir: o.workDir, SuffixRules: cfg.Policy.SuffixRules, Threshold: threshold,
		Log: func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) },
	}, header, f)
	if o.out == "" {
		if err := report(ctx, client, cfg, res.Checks); err != nil {
			log.Error("the outcome could not be reported", "error", err)
		}
	}
	if scanErr != nil {
		return fmt.Errorf("the history could not be read completely, so nothing will be deleted: %w", scanErr)
	}
	log.Info(res.Summary(), "run", o.run)
	if o.out != "" {
		return nil
	}
	return client.LiveSet(ctx, o.run, f)
}

// file takes the live set; without --out it has no name any more.
func (o scanOptions) file() (*os.File, error) {
	if o.out != "" {
		return os.Create(o.out)
	}
	f, err := os.CreateTemp(o.workDir, "liveset-*")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}
