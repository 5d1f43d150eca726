package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// tenantBreaches counts what one tenant could do to another or to the
// administrator, over all attempts of the tests: at the API server and by
// manifests (controllers), and by HTTP in every dialect on each store.
func tenantBreaches(ctx context.Context, r *rig) error {
	sum, err := r.overStores(ctx, "./internal/lfsserver", "^TestTenantBreaches$", "tenant-breaches")
	if err != nil {
		return err
	}
	n, err := r.count(ctx, "./controllers", "^TestTenantBreaches$", "tenant-breaches")
	if err != nil {
		return err
	}
	bar("tenant-breaches", sum+n)
	return nil
}

// inCluster runs two tenants in a cluster of their own, at debug level, and prints
// what it finds: secret-leaks in objects, logs, events, conditions and metrics,
// pss-violations, and tenant-breaches-e2e, which are among those that
// tenant-breaches is about.
func inCluster(ctx context.Context, r *rig) error {
	cmd := exec.CommandContext(ctx, "hack/isolated.sh", "go", "test", "-tags", "e2e", "-count=1", "-timeout", "20m", "-v", "-run", "^TestAdminStore$", "./test/e2e/...")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = io.MultiWriter(&out, os.Stderr), os.Stderr, 10*time.Second
	failed := cmd.Run()
	found := map[string]string{}
	for name, as := range map[string]string{"secret-leaks": "secret-leaks", "pss-violations": "pss-violations", "tenant-breaches": "tenant-breaches-e2e"} {
		line := regexp.MustCompile(`\b` + name + `=(\d+)`).FindSubmatch(out.Bytes())
		if line == nil {
			return errors.Join(failed, fmt.Errorf("the test says nothing of %s", name))
		}
		found[as] = string(line[1])
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		bar(name, found[name])
	}
	return failed
}

// count runs a test once and returns what it logs as "name=N", also where it fails
// because that is not 0.
func (r *rig) count(ctx context.Context, pkg, test, name string) (int, error) {
	text, err := r.figure(ctx, pkg, test, name)
	if text == "" {
		return 0, err
	}
	n, wrong := strconv.Atoi(text)
	if wrong != nil || n == 0 && err != nil {
		return 0, fmt.Errorf("%s=%s: %w", name, text, err)
	}
	r.say("%s: %d", name, n)
	return n, nil
}
