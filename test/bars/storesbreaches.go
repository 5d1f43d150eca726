package main

import (
	"context"
	"fmt"
	"strconv"
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
