package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

// authBars counts wrong verdicts over every identity and route, and what an
// identity costs that is remembered. Tests and figure need no certain store, but
// a real API server.
func authBars(ctx context.Context, r *rig) error {
	out, failed := r.goTest(ctx, storeKinds[0], "./internal/lfsserver", "^TestAuthMatrix$")
	found := regexp.MustCompile(`\bauth-matrix-wrong=(\d+) of (\d+) requests`).FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("the auth matrix did not come to its end: %w\n%s", failed, out)
	}
	r.say("auth matrix: %s requests", found[2])
	if failed != nil && string(found[1]) == "0" {
		return fmt.Errorf("the auth matrix: %w\n%s", failed, out)
	}
	bar("auth-matrix-wrong", string(found[1]))
	return cachedOverhead(ctx, r)
}

// cachedOverhead is that of the dearer of the two sources.
func cachedOverhead(ctx context.Context, r *rig) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=^BenchmarkCachedIdentity$", "-benchtime=1x", "./internal/lfsserver")
	cmd.Env = append(os.Environ(), "TEST_STORE="+storeKinds[0], "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	worst, sources := 0.0, 0
	for _, line := range regexp.MustCompile(`CachedIdentity/(\S+)\s.*?(-?[\d.]+) overhead-us`).FindAllSubmatch(out, -1) {
		us, err := strconv.ParseFloat(string(line[2]), 64)
		if err != nil {
			return err
		}
		r.say("%s: %.1f µs over a request of nobody", line[1], us)
		worst, sources = max(worst, us), sources+1
	}
	if sources != 2 {
		return fmt.Errorf("no figures in:\n%s", out)
	}
	bar("auth-cached-overhead-us", worst)
	return nil
}
