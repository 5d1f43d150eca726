package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// pushTimes compares pushes and fetches by stock git-lfs, to our server and to the
// reference, each round into a bucket of its own.
func pushTimes(ctx context.Context, r *rig) error {
	return errors.Join(
		r.pushSmall(ctx),
		r.pushBig(ctx),
	)
}

// gitWorld is a work tree and a bare repository that it pushes to.
type gitWorld struct {
	*harness.WorkTree
	rig *rig
}

func (r *rig) newGitWorld(ctx context.Context, name string) (*gitWorld, error) {
	w, err := harness.NewWorkTree(ctx, filepath.Join(r.dir, name), "")
	if err != nil {
		return nil, err
	}
	bare := filepath.Join(r.dir, name+".git")
	return &gitWorld{w, r}, w.All(ctx,
		[]string{"init", "-q", "--bare", "-b", "main", bare}, []string{"remote", "add", "origin", bare},
		[]string{"config", "lfs.locksverify", "false"}, []string{"lfs", "track", "*.bin"})
}

// aim points git-lfs at a server.
func (w *gitWorld) aim(ctx context.Context, t *target) error {
	line := ""
	if t.auth != "" {
		line = fmt.Sprintf("http://bars:%s@%s", writeToken, hostOf(t.url))
	}
	if err := w.SetCredentials(line); err != nil {
		return err
	}
	return w.All(ctx, []string{"config", "lfs.url", t.url})
}

// push sends all objects of main and returns how long that took.
func (w *gitWorld) push(ctx context.Context, t *target) (float64, error) {
	if err := w.aim(ctx, t); err != nil {
		return 0, err
	}
	return seconds(func() error { _, err := w.Git(ctx, "lfs", "push", "--all", "origin"); return err })
}

// fetch gets all objects of main, none of which the work tree has any more.
func (w *gitWorld) fetch(ctx context.Context, t *target) (float64, error) {
	if err := w.aim(ctx, t); err != nil {
		return 0, err
	}
	if err := os.RemoveAll(filepath.Join(w.Dir, ".git", "lfs", "objects")); err != nil {
		return 0, err
	}
	return seconds(func() error { _, err := w.Git(ctx, "lfs", "fetch", "origin", "main"); return err })
}

// pushBoth is a push of everything to fresh servers, interleaved. after, where not
// nil, is done with each server before it goes.
func (r *rig) pushBoth(ctx context.Context, w *gitWorld, what string, after func(*target, int) error) ([]float64, error) {
	once := func(t *target, name string, round int) (float64, error) {
		defer t.stop()
		defer r.shared.drop(t.bucket)
		took, err := w.push(ctx, t)
		if err == nil && after != nil {
			err = after(t, round)
		}
		r.say("%s, %s: %.2f s", what, name, took)
		return took, err
	}
	return interleaved(rounds, func(round int) (float64, error) {
		s, err := r.newServer(ctx, nil)
		if err != nil {
			return 0, err
		}
		return once(&s.target, "ours", round)
	}, func(round int) (float64, error) {
		t, err := r.newReference(ctx)
		if err != nil {
			return 0, err
		}
		return once(t, "reference", round)
	})
}

// pushSmall pushes 1000 files of 64 KiB.
func (r *rig) pushSmall(ctx context.Context) error {
	w, err := r.newGitWorld(ctx, "small")
	if err != nil {
		return err
	}
	seed := uint64(time.Now().UnixNano())
	for i := range 1000 {
		if _, err := w.WriteRandom(strconv.Itoa(i)+".bin", 64<<10, seed+uint64(i)); err != nil {
			return err
		}
	}
	if _, err := w.Commit(ctx, "1000 small files"); err != nil {
		return err
	}
	ratios, err := r.pushBoth(ctx, w, "push of 1000 files of 64 KiB", nil)
	if err != nil {
		return fmt.Errorf("push-1000-small-ratio: %w", err)
	}
	bar("push-1000-small-ratio", median(ratios))
	return nil
}

// pushBig pushes one file of 1 GiB and fetches it again.
func (r *rig) pushBig(ctx context.Context) error {
	w, err := r.newGitWorld(ctx, "big")
	if err != nil {
		return err
	}
	if _, err := w.WriteRandom("big.bin", 1<<30, uint64(time.Now().UnixNano())); err != nil {
		return err
	}
	if _, err := w.Commit(ctx, "1 GiB"); err != nil {
		return err
	}
	fetches := map[bool]map[int]float64{true: {}, false: {}}
	pushes, err := r.pushBoth(ctx, w, "push of 1 GiB", func(t *target, round int) error {
		took, err := w.fetch(ctx, t)
		fetches[t.auth != ""][round] = took
		r.say("  and fetch: %.2f s", took)
		return err
	})
	if err != nil {
		return fmt.Errorf("push-1gib-ratio: %w", err)
	}
	bar("push-1gib-ratio", median(pushes))
	var ratios []float64
	for round, took := range fetches[true] {
		if round > 0 {
			ratios = append(ratios, took/fetches[false][round])
		}
	}
	bar("fetch-1gib-ratio", median(ratios))
	return nil
}
