// Command demo shows the main job on real parts: it installs the operator into
// the cluster that KUBECONFIG names, applies a sample LFSRepository, pushes and
// clones real files with git-lfs, and lets garbage collection prune old
// versions. "make demo" brings up the cluster and calls it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n\nThe cluster is still up. Look around (kubectl -n %s get lfsr,pods,events), run \"make demo\" again to repeat the demo,\nor \"make cluster-down\" to remove everything.\n", err, namespace)
		os.Exit(1)
	}
}

// run walks through the story; every step says what it does before it does it.
func run(ctx context.Context) error {
	env, err := harness.New()
	if err != nil {
		return err
	}
	d := &demo{Env: env, dir: workDir()}
	if err := os.RemoveAll(d.dir); err != nil {
		return err
	}
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"Installing the operator from one manifest, dist/install.yaml", d.Install},
		{"Starting an S3 store (versitygw) and a Git server in pods", d.DevServices},
		{"Applying config/samples: an LFSRepository named models in namespace team-a", d.applySample},
		{"Waiting until the LFSRepository is Ready", d.waitReady},
		{"Pushing 220 MB with git-lfs: one file of 150 MB, one file in 8 versions", d.push},
		{"Cloning it fresh and comparing every SHA-256", d.cloneAndCompare},
		{"Garbage collection, first run: superseded versions go into quarantine", d.condemn},
		{"Garbage collection, second run: what is still superseded is deleted", d.sweep},
		{"Fetching every version: the newest 5 are there, older ones say why not", d.fetchVersions},
	} {
		env.Say("%s", step.title)
		if err := step.do(ctx); err != nil {
			return errors.Join(fmt.Errorf("failed: %s", step.title), err)
		}
	}
	d.epilogue(ctx)
	return nil
}

// workDir is where the demo's work trees lie; the last demo's are kept to play with.
func workDir() string {
	if dir := os.Getenv("DEMO_DIR"); dir != "" {
		return dir
	}
	return "/tmp/lfs-operator-demo"
}
