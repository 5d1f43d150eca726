package main

import (
	"context"
	"fmt"
	"iter"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
)

// gcPlan compares scanning and planning with what git itself takes to show the
// same history. The listing of the store is not part of it.
func gcPlan(ctx context.Context, r *rig) error {
	shares, err := gcShares()
	if err != nil {
		return err
	}
	for i, share := range shares {
		dir, err := r.history(ctx, gctest.FullHistory.Share(share))
		if err != nil {
			return err
		}
		s, err := r.newServer(ctx, gcConfig(dir))
		if err != nil {
			return err
		}
		ratio, err := r.planRatio(ctx, s, dir, gctest.FullHistory.Share(share))
		s.stop()
		if err != nil {
			return err
		}
		shareBar("gc-plan-ratio", share, i == len(shares)-1, ratio)
	}
	return nil
}

// shareBar prints a figure under its percentage, and that of the last share once more.
func shareBar(name string, share int, last bool, value float64) {
	bar(fmt.Sprintf("%s-at-%d", name, share), value)
	if last {
		bar(name, value)
	}
}

func (r *rig) planRatio(ctx context.Context, s *lfsServer, dir string, h gctest.History) (float64, error) {
	objects, err := gcObjects(h)
	if err != nil {
		return 0, err
	}
	live := filepath.Join(r.dir, "live")
	var ratios []float64
	for range 3 {
		start := time.Now()
		if err := exec.CommandContext(ctx, "git", "-C", dir, "log", "--raw", "--all").Run(); err != nil {
			return 0, err
		}
		log := time.Since(start).Seconds()
		scan, err := r.job(ctx, s, "scan", "--out", live)
		if err != nil {
			return 0, err
		}
		start = time.Now()
		p, err := planOf(live, s, objects)
		if err != nil {
			return 0, err
		}
		took := time.Since(start).Seconds()
		r.say("git log %.2f s, scan %.2f s, plan %.2f s: %d to condemn", log, scan.seconds, took, p.Condemned.Objects)
		ratios = append(ratios, (scan.seconds+took)/log)
	}
	return median(ratios), nil
}

func planOf(path string, s *lfsServer, objects []string) (*plan.Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	live, err := liveset.NewReader(f)
	if err != nil {
		return nil, err
	}
	policy, err := plan.FromConfig(&s.config)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return plan.Make(plan.Input{Live: live, Objects: listing(objects), Policy: policy, Now: now, ScanStarted: now, TempDir: filepath.Dir(path)})
}

func listing(oids []string) iter.Seq2[plan.Object, error] {
	old := time.Now().AddDate(-1, 0, 0)
	return func(yield func(plan.Object, error) bool) {
		for _, oid := range oids {
			if !yield(plan.Object{OID: oid, Size: 10, ETag: "e", Modified: old}, nil) {
				return
			}
		}
	}
}

// listedObjects is how many objects a store with the full history lists.
const listedObjects = 1_000_000

// gcObjects are the OIDs in the store: those of the history, and others that no
// history names, sorted. A share of the history has its share of others.
func gcObjects(h gctest.History) ([]string, error) {
	oids := h.OIDs()
	total := listedObjects / gctest.FullHistory.Pointers() * len(oids)
	for i := range total - len(oids) {
		oids = append(oids, gctest.Hash(fmt.Sprint("named by no history: ", i)))
	}
	slices.Sort(oids)
	return slices.Compact(oids), nil
}

// gcScan measures the memory of scans, in place and over http.
func gcScan(ctx context.Context, r *rig) error {
	shares, err := gcShares()
	if err != nil {
		return err
	}
	path, err := exec.CommandContext(ctx, "git", "--exec-path").Output()
	if err != nil {
		return err
	}
	cache, err := historyCache(r.root)
	if err != nil {
		return err
	}
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + cache, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	})
	defer server.Close()
	for i, share := range shares {
		dir, err := r.history(ctx, gctest.FullHistory.Share(share))
		if err != nil {
			return err
		}
		last := i == len(shares)-1
		for _, way := range []struct{ name, url string }{{"", dir}, {"-fetched", server.URL + "/" + filepath.Base(dir)}} {
			s, err := r.newServer(ctx, gcConfig(way.url))
			if err != nil {
				return err
			}
			scan, err := r.job(ctx, s, "scan", "--run", "scan")
			s.stop()
			if err != nil {
				return err
			}
			r.say("scan%s of %d %%: %.1f s, %.0f MiB", way.name, share, scan.seconds, scan.mib)
			shareBar("gc-scan"+way.name+"-s", share, last, scan.seconds)
			shareBar("gc-scan"+way.name+"-rss-mib", share, last, scan.mib)
		}
	}
	return nil
}
