package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// storesParts in the order in which they are measured. Each ends in time, whatever
// hangs: then it has no figure.
var storesParts = []rigPart{
	{"breaches", within(15*time.Minute, tenantBreaches)},
	{"rbac", within(5*time.Minute, secretVerbs)},
	{"cluster", within(30*time.Minute, inCluster)},
	{"sts", within(15*time.Minute, stsCommands)},
	{"adopt", within(20*time.Minute, adoption)},
	{"deletion", within(20*time.Minute, deletion)},
}

// within bounds the time of a part.
func within(limit time.Duration, measure func(context.Context, *rig) error) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
		defer cancel()
		err := measure(ctx, r)
		if err != nil && ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return err
	}
}

// stores measures those parts that are named, or all.
func stores(ctx context.Context, only []string) error {
	return measureOnRig(ctx, storesParts, only)
}

// secretVerbs prints rbac-secret-verbs: what the operator may do with Secrets in
// the namespaces of tenants, as the API server says. Where anybody's permissions
// are not exactly those of the design there is no figure.
func secretVerbs(ctx context.Context, r *rig) error {
	verbs, err := r.figure(ctx, "./controllers", "^TestSecretVerbs$", "rbac-secret-verbs")
	if err != nil {
		return err
	}
	bar("rbac-secret-verbs", verbs)
	return nil
}

// figure runs a test and returns what it logs as "name=VALUE", with an error where
// the test fails.
func (r *rig) figure(ctx context.Context, pkg, test, name string) (string, error) {
	out, err := r.goTest(ctx, storeKinds[0], pkg, test)
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", test, err, out)
	}
	found := regexp.MustCompile(`\b` + name + `=(\S+)`).FindSubmatch(out)
	if found == nil {
		return "", errors.Join(err, fmt.Errorf("%s says nothing of %s", test, name))
	}
	return string(found[1]), err
}
