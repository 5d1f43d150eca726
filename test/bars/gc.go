package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// gcParts in the order in which they are measured.
var gcParts = []rigPart{
	{"model", gcModel},
	{"small", gcSmall},
	{"plan", gcPlan},
	{"scan", gcScan},
	{"sweep", gcSweep},
	{"mutants", gcMutants},
	{"schedules", gcSchedules},
	{"chaos", gcChaos},
}

// gc measures those parts that are named, or all. GC_SHARES says at how many
// percent of the full history; the figures without a percentage are those of the
// last.
func gc(ctx context.Context, only []string) error { return measureOnRig(ctx, gcParts, only) }

// gcModel explores the model of the protocol; the script prints the bars.
func gcModel(ctx context.Context, r *rig) error {
	cmd := exec.CommandContext(ctx, filepath.Join(r.root, "hack/gcmodel/check.sh"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// gcShares of the full history.
func gcShares() (shares []int, err error) {
	words := strings.Fields(os.Getenv("GC_SHARES"))
	if len(words) == 0 {
		return []int{10, 50, 100}, nil
	}
	for _, word := range words {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("GC_SHARES: %q is not a percentage", word)
		}
		shares = append(shares, n)
	}
	return shares, nil
}

// history makes a repository of that history, packed as a Git server packs it. It is
// kept in the build cache, since the full one takes some minutes.
func (r *rig) history(ctx context.Context, h gctest.History) (string, error) {
	cache, err := historyCache(r.root)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, fmt.Sprintf("%d-%d.git", h.Commits, h.Pointers()))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	r.say("making a history of %d commits and %d pointers", h.Commits, h.Pointers())
	made, err := os.MkdirTemp(cache, ".tmp-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(made)
	if err := makeHistory(ctx, made, h); err != nil {
		return "", err
	}
	if err := os.Chmod(made, 0o755); err != nil {
		return "", err
	}
	return dir, os.Rename(made, dir)
}

// historyCache is a folder beside what hack/build-tool.sh keeps. Another program that
// makes histories has another.
func historyCache(root string) (string, error) {
	program, err := os.ReadFile(filepath.Join(root, "internal/gc/gctest/history.go"))
	if err != nil {
		return "", err
	}
	cache := os.Getenv("LFS_OPERATOR_CACHE")
	if cache == "" {
		if cache, err = os.UserCacheDir(); err != nil {
			return "", err
		}
		cache = filepath.Join(cache, "lfs-operator")
	}
	const enough = 16
	dir := filepath.Join(cache, "history-"+gctest.Hash(string(program))[:enough])
	return dir, os.MkdirAll(dir, 0o755)
}

func makeHistory(ctx context.Context, dir string, h gctest.History) error {
	if err := git(ctx, "", "init", "-q", "--bare", "-b", "main", dir); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "git", "-C", dir, "fast-import", "--quiet")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	writeErr := errors.Join(h.Write(in), in.Close())
	if err := errors.Join(writeErr, cmd.Wait()); err != nil {
		return err
	}
	if err := git(ctx, dir, "config", "uploadpack.allowFilter", "true"); err != nil {
		return err
	}
	return git(ctx, dir, "repack", "-adfq")
}

func git(ctx context.Context, dir string, args ...string) error {
	if dir != "" {
		args = append([]string{"-C", dir}, args...)
	}
	out, err := exec.CommandContext(ctx, "git", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("git %v: %w\n%s", args, err, out)
	}
	return nil
}

// gcConfig makes the server's configuration that of a repository with this
// history, whose garbage is condemned and deleted as soon as may be.
func gcConfig(url string) func(*serverconfig.Config) {
	return func(c *serverconfig.Config) {
		c.History = []serverconfig.History{{Name: "main", URL: url}}
		c.HistoryRevision = "1"
		c.ScanTokenHash = serverconfig.TokenHash(scanToken)
		c.GC = serverconfig.GC{Mode: serverconfig.GCDelete, GracePeriod: "1s", Quarantine: "1s", DeleteLimitPercent: 100}
	}
}

const scanToken = "scan-token-of-the-bars"

// job is a scan or sweep that has ended.
type job struct {
	seconds, mib float64
	out          string
}

// job runs a subcommand of lfs-server as a pod would, and measures its time and the
// most memory that it held. It has no children. (What wait4 says of its memory begins
// with that of the process which started it.) A memory cgroup of 256 MiB kills it
// where it, or a child, takes more; where there is none, the figure must be below.
func (r *rig) job(ctx context.Context, s *lfsServer, args ...string) (job, error) {
	token := filepath.Join(s.dir, "scan-token")
	if err := os.WriteFile(token, []byte(scanToken), 0o600); err != nil {
		return job{}, err
	}
	work, err := os.MkdirTemp(r.dir, "work-")
	if err != nil {
		return job{}, err
	}
	defer os.RemoveAll(work)
	args = append(args, "--config", filepath.Join(s.dir, "config.yaml"), "--work-dir", work)
	if args[0] == "scan" {
		args = append(args, "--scan-token-file", token, "--server", s.admin, "--history-dir", s.dir)
	} else {
		args = append(args, "--credentials-dir", filepath.Join(s.dir, "credentials"), "--answer-within", "500ms")
	}
	cmd := exec.CommandContext(ctx, r.bin("lfs-server"), args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	limit, err := newCage()
	if err == nil {
		defer limit.remove()
		limit.confine(cmd)
	}
	r.caged.Do(func() {
		how := "enforced by a memory cgroup"
		if err != nil {
			how = fmt.Sprintf("only compared with the memory that is measured (%v)", err)
		}
		r.say("limit of %d MiB for scans and sweeps: %s", cageMiB, how)
	})
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return job{}, err
	}
	peak := make(chan float64)
	ended := make(chan struct{})
	go func() { peak <- peakMemory(cmd.Process.Pid, ended) }()
	err = cmd.Wait()
	close(ended)
	j := job{seconds: time.Since(start).Seconds(), mib: <-peak, out: out.String()}
	if err == nil && j.mib > cageMiB {
		err = fmt.Errorf("it took %.0f MiB, more than the limit of %d", j.mib, cageMiB)
	}
	if err != nil {
		return j, fmt.Errorf("lfs-server %s: %w\n%s", strings.Join(args, " "), err, j.out)
	}
	return j, nil
}

// peakMemory watches VmHWM until the process has ended, in MiB.
func peakMemory(pid int, ended <-chan struct{}) (mib float64) {
	for {
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, rest, ok := strings.Cut(string(raw), "VmHWM:"); ok && strings.Contains(string(raw), "Name:\tlfs-server") {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			mib = max(mib, kib/1024)
		}
		select {
		case <-ended:
			return mib
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// gcSmall is a whole run, scan and sweep, of a repository of ten commits.
func gcSmall(ctx context.Context, r *rig) error {
	dir, err := r.history(ctx, gctest.History{Commits: 10, PerCommit: 2, Paths: 4, Folders: 2})
	if err != nil {
		return err
	}
	s, err := r.newServer(ctx, gcConfig(dir))
	if err != nil {
		return err
	}
	defer s.stop()
	var seconds []float64
	for i := range rounds {
		run := fmt.Sprint("small-", i)
		scan, err := r.job(ctx, s, "scan", "--run", run)
		if err != nil {
			return err
		}
		sweep, err := r.job(ctx, s, "sweep", "--run", run)
		if err != nil {
			return err
		}
		seconds = append(seconds, scan.seconds+sweep.seconds)
	}
	bar("gc-small-s", median(seconds))
	return nil
}
