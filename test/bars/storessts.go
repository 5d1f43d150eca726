package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
)

// stsCommands prints sts-failed-commands: git-lfs commands that failed while
// servers that hold no key of the store renewed their sessions again and again, for
// 5 minutes of pushes and clones (LFS_TEST_SESSION_PUSHES). Only MinIO makes
// sessions. Where a session gets anywhere but under its prefix, or anybody else
// gets one, there is no figure.
func stsCommands(ctx context.Context, r *rig) error {
	const pkg = "./internal/lfsserver"
	if os.Getenv("LFS_TEST_SESSION_PUSHES") == "" {
		if err := os.Setenv("LFS_TEST_SESSION_PUSHES", "5m"); err != nil {
			return err
		}
	}
	if out, err := r.goTest(ctx, "minio", pkg, "^(TestSessionsAreBound|TestSessionReadsSource|TestWhoGetsSessions|TestServerWithSession|TestSessionNotRenewed|TestWebIdentity.*|TestIssuerByWebIdentity)$"); err != nil {
		return fmt.Errorf("sessions are not what they should be: %w\n%s", err, out)
	}
	out, err := r.goTest(ctx, "minio", pkg, "^TestPushesOverRenewals$")
	found := regexp.MustCompile(`\bpushes=(\d+) sessions=(\d+) sts-failed-commands=(\d+)`).FindSubmatch(out)
	if found == nil || err != nil && string(found[3]) == "0" {
		return fmt.Errorf("pushes over renewals did not come to their end: %w\n%s", err, out)
	}
	r.say("%s pushes and as many clones over %s sessions", found[1], found[2])
	bar("sts-failed-commands", string(found[3]))
	return err
}
