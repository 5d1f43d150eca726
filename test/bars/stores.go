package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
)

// storesParts in the order in which they are measured.
var storesParts = []rigPart{
	{"breaches", tenantBreaches},
	{"rbac", secretVerbs},
	{"cluster", inCluster},
	{"sts", stsCommands},
	{"adopt", adoption},
	{"deletion", deletion},
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
